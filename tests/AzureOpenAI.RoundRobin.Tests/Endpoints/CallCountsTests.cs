using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

public sealed class CallCountsTests : IDisposable
{
    private readonly AttemptCache _cache = new(TimeProvider.System);
    private CallCounts _counts;

    public void Dispose() => _cache.Dispose();

    [Fact]
    public void ACallInFlight_IsCountedUntilItsEnd_AndAsAnAnswerIfItGaveOne()
    {
        Assert.Equal((1, 2), (_counts.Began(), _counts.Began()));
        Assert.Equal((2, 0), (_counts.InFlight, _counts.Answered));

        Assert.Equal(1, _counts.Ended(answered: true));
        Assert.Equal(1, _counts.Ended(answered: false));

        Assert.Equal((0, 1), (_counts.InFlight, _counts.Answered));
    }

    [Fact]
    public void AnsweredAtOnce_IsCountedApartForTheFirstAttempt_AndTogetherForAllOthers()
    {
        (Attempt first, Attempt second, Attempt third) = (New(), New(), New());

        Assert.Equal((1, 2), (_counts.AnsweredSynchronously(first), _counts.AnsweredSynchronously(first)));
        Assert.Equal((1, 2), (_counts.AnsweredSynchronously(second), _counts.AnsweredSynchronously(third)));
        _counts.Began();
        Assert.Equal(3, _counts.Ended(answered: true));
        Assert.Equal(3, _counts.AnsweredSynchronously(first));

        Assert.Equal((0, 6), (_counts.InFlight, _counts.Answered));
    }

    [Fact]
    public void AnsweredAtOnce_FirstAttemptWasReleased_GoesOnInItsPlace()
    {
        (Attempt first, Attempt second, Attempt third) = (New(), New(), New());
        _counts.AnsweredSynchronously(first);
        Assert.Equal(2, _counts.AnsweredSynchronously(first));
        Assert.Equal(1, _counts.AnsweredSynchronously(second));

        first.LetGo();

        Assert.Equal((3, 4), (_counts.AnsweredSynchronously(second), _counts.AnsweredSynchronously(second)));
        Assert.Equal(2, _counts.AnsweredSynchronously(third));
        Assert.Equal(6, _counts.Answered);
    }

    /// <summary>Attempts are let go of all the time here, so that one after the other has the place of its own.</summary>
    [Fact]
    public async Task Counts_OfManyThreads_AreExact()
    {
        const int Callers = 8;
        const int Rounds = 20_000;
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(() =>
        {
            Attempt attempt = New();
            for (int i = 0; i < Rounds; i++)
            {
                _counts.AnsweredSynchronously(attempt);
                _counts.Began();
                _counts.Ended(answered: i % 2 == 0);
                if (i % 100 == 0)
                {
                    attempt.LetGo();
                    attempt = New();
                }
            }
        })));

        Assert.Equal((0, Callers * (Rounds + (Rounds / 2))), (_counts.InFlight, _counts.Answered));
    }

    private Attempt New() => new(_cache, TimeProvider.System);
}
