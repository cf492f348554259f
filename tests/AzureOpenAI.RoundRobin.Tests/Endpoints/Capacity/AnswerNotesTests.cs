using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class AnswerNotesTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly AnswerNotes _notes;

    public AnswerNotesTests()
    {
        _notes = new(_time);
        _time.Advance(TimeSpan.FromSeconds(10));
    }

    private long Now => _time.GetTimestamp();

    [Fact]
    public void Within_WithoutANote_IsThePaceFromTheBeginning()
    {
        Assert.Equal(7, _notes.Within(TimeSpan.FromSeconds(1), 70, Now));
        Assert.Equal(70, new AnswerNotes(_time).Within(TimeSpan.FromSeconds(1), 70, Now));
    }

    [Fact]
    public void Within_ANoteOfThatTime_IsWhatWasAnsweredSince()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(0.5));

        // Twenty since, and half a second at the ten a second before.
        Assert.Equal(20 + 5, _notes.Within(TimeSpan.FromSeconds(1), 120, Now));
    }

    [Fact]
    public void Within_AnOlderNote_IsItsPace()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(4));

        Assert.Equal(10, _notes.Within(TimeSpan.FromSeconds(1), 140, Now));
    }

    [Fact]
    public void Note_AgainWithinASecond_IsNotTaken()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(0.9));
        _notes.Note(150, Now);
        Assert.Equal(50 + 1, _notes.Within(TimeSpan.FromSeconds(1), 150, Now), 6);
        _time.Advance(TimeSpan.FromSeconds(0.1));
        _notes.Note(150, Now);

        // All within a second, before the note.
        Assert.Equal(50, _notes.Within(TimeSpan.FromSeconds(1), 150, Now));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, _notes.Within(TimeSpan.FromSeconds(1), 150, Now));
    }

    [Fact]
    public void Within_ANoteOfAMomentAgo_AddsThePaceBeforeIt()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(2));
        _notes.Note(180, Now);
        _time.Advance(TimeSpan.FromSeconds(0.25));

        // Ten since the note, and three quarters of a second at forty a second.
        Assert.Equal(10 + 30, _notes.Within(TimeSpan.FromSeconds(1), 190, Now));
    }

    [Fact]
    public void Within_AQuietTimeBeforeTheNote_DoesNotLessenWhatCameSince()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromMinutes(1));
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(0.5));

        Assert.Equal(50, _notes.Within(TimeSpan.FromSeconds(1), 150, Now));
    }
}
