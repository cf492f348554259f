using AzureOpenAI.RoundRobin.Redis.Permits;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Permits;

public sealed class AskBreakerTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void ThreeOfTenMissing_OpenIt()
    {
        AskBreaker breaker = new(_time);
        Answer(breaker, 2, isMissing: true);
        Answer(breaker, 8, isMissing: false);
        // The two are not among the last ten any more.
        Answer(breaker, 2, isMissing: false);
        Answer(breaker, 2, isMissing: true);
        Assert.False(breaker.IsOpen);

        Answer(breaker, 1, isMissing: true);
        Assert.True(breaker.IsOpen);
    }

    [Fact]
    public void Tries_After1_2_4AndUpTo30Seconds_OneAtATime()
    {
        AskBreaker breaker = new(_time);
        Answer(breaker, 3, isMissing: true);
        List<double> waits = [];
        for (int i = 0; i < 7; i++)
        {
            double waited = 0;
            for (; !breaker.TakeTrial(); waited += 0.5)
            {
                _time.Advance(TimeSpan.FromSeconds(0.5));
            }

            Assert.False(breaker.TakeTrial());
            waits.Add(waited);
            breaker.Tried(isMissing: true);
        }

        Assert.Equal([1, 2, 4, 8, 16, 30, 30], waits);
    }

    [Fact]
    public void TrialInTime_ClosesIt_AndTheNextPauseIsShortAgain()
    {
        AskBreaker breaker = new(_time);
        Answer(breaker, 3, isMissing: true);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(breaker.TakeTrial());
        breaker.Tried(isMissing: false);
        Assert.False(breaker.IsOpen);

        Answer(breaker, 2, isMissing: true);
        Assert.False(breaker.IsOpen);
        Answer(breaker, 1, isMissing: true);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(breaker.TakeTrial());
    }

    private static void Answer(AskBreaker breaker, int times, bool isMissing)
    {
        for (int i = 0; i < times; i++)
        {
            breaker.Answered(isMissing);
        }
    }
}
