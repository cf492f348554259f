using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class AnswerNotesTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly AnswerNotes _notes;

    public AnswerNotesTests() => _notes = new(_time);

    private long Now => _time.GetTimestamp();

    [Fact]
    public void Within_WithoutANote_IsAllThatWasAnswered() => Assert.Equal(7, _notes.Within(TimeSpan.FromSeconds(1), 7, Now));

    [Fact]
    public void Within_ANoteOfThatTime_IsWhatWasAnsweredSince()
    {
        _notes.Note(100, Now);
        _time.Advance(TimeSpan.FromSeconds(0.5));

        Assert.Equal(20, _notes.Within(TimeSpan.FromSeconds(1), 120, Now));
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
        Assert.Equal(50, _notes.Within(TimeSpan.FromSeconds(1), 150, Now));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        _notes.Note(150, Now);

        Assert.Equal(0, _notes.Within(TimeSpan.FromSeconds(1), 150, Now));
    }
}
