using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>The deadline of one attempt, and its reuse.</summary>
public class AttemptDeadlineTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly FakeClock _time = new();

    [Fact]
    public void Await_EndsInTime_CancelsNothing()
    {
        Attempt attempt = new(null!, _time);
        Await(attempt);

        _time.Advance(Limit / 2);
        Assert.True(attempt.Arrived());
        _time.Advance(2 * Limit);

        Assert.False(attempt.Token.IsCancellationRequested);
        Assert.False(attempt.TimedOut);
        Assert.True(attempt.TryReset());
    }

    [Fact]
    public void Await_DoesNotEnd_CancelsExactlyAtItsLimit()
    {
        Attempt attempt = new(null!, _time);
        Await(attempt);

        _time.Advance(Limit - TimeSpan.FromTicks(1));
        Assert.False(attempt.Token.IsCancellationRequested);
        _time.Advance(TimeSpan.FromTicks(1) + TimeSpan.FromMilliseconds(1));

        Assert.True(attempt.Token.IsCancellationRequested);
        Assert.True(attempt.TimedOut);
        Assert.False(attempt.Arrived());
        Assert.False(attempt.TryReset());
    }

    [Fact]
    public void Await_CallbackThrows_ThrowsNothingIntoTheTimer()
    {
        Attempt attempt = new(null!, _time);
        using CancellationTokenRegistration registration = attempt.Token.Register(static () => throw new InvalidOperationException("a client's own"));
        Await(attempt);

        _time.Advance(2 * Limit);

        Assert.True(attempt.TimedOut);
        Assert.True(attempt.Token.IsCancellationRequested);
    }

    [Fact]
    public void Await_OneAfterTheOther_CountsFromTheLast()
    {
        Attempt attempt = new(null!, _time);
        for (int i = 0; i < 20; i++)
        {
            Await(attempt);
            _time.Advance(0.9 * Limit);
            Assert.True(attempt.Arrived());
        }

        Await(attempt);
        _time.Advance(0.9 * Limit);
        Assert.False(attempt.Token.IsCancellationRequested);
        _time.Advance(0.2 * Limit);
        Assert.True(attempt.Token.IsCancellationRequested);
    }

    [Fact]
    public void Await_ShorterLimitThanBefore_IsKept()
    {
        Attempt attempt = new(null!, _time);
        attempt.Await(_time.GetTimestamp(), TimeSpan.FromHours(1));
        attempt.Arrived();

        attempt.Await(_time.GetTimestamp(), TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_AfterTheTimerRanOutWithoutAWait_IsKept()
    {
        Attempt attempt = new(null!, _time);
        Await(attempt);
        attempt.Arrived();
        _time.Advance(2 * Limit);

        Await(attempt);
        _time.Advance(Limit);

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_TimerRunsOutForTheWaitBefore_IsKept()
    {
        Attempt attempt = new(null!, _time);
        Await(attempt);
        _time.Advance(0.5 * Limit);
        attempt.Arrived();
        Await(attempt);

        _time.Advance(0.6 * Limit);
        Assert.False(attempt.TimedOut);
        _time.Advance(0.4 * Limit);

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_InfiniteAfterATimedWait_NeverCancels()
    {
        Attempt attempt = new(null!, _time);
        Await(attempt);
        attempt.Arrived();
        attempt.Await(_time.GetTimestamp(), Timeout.InfiniteTimeSpan);

        _time.Advance(TimeSpan.FromDays(1));

        Assert.False(attempt.Token.IsCancellationRequested);
        Assert.True(attempt.Arrived());
    }

    [Fact]
    public void Await_TimedAfterAnInfiniteWait_Cancels()
    {
        Attempt attempt = new(null!, _time);
        attempt.Await(_time.GetTimestamp(), Timeout.InfiniteTimeSpan);
        attempt.Arrived();

        Await(attempt);
        _time.Advance(Limit);

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_Infinite_NeverCancels()
    {
        Attempt attempt = new(null!, _time);
        attempt.Await(_time.GetTimestamp(), Timeout.InfiniteTimeSpan);

        _time.Advance(TimeSpan.FromDays(1));

        Assert.False(attempt.Token.IsCancellationRequested);
        Assert.True(attempt.TryReset());
    }

    [Fact]
    public async Task Await_ManyThreadsWithReuse_NeverCancelsAnotherAttempt()
    {
        using AttemptCache cache = new(_time);
        bool done = false;
        Task clock = Task.Run(
            () =>
            {
                while (!Volatile.Read(ref done))
                {
                    _time.Advance(TimeSpan.FromMilliseconds(1));
                }
            },
            TestContext.Current.CancellationToken);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 3000; i++)
            {
                Attempt attempt = cache.Rent();
                long began = _time.GetTimestamp();
                TimeSpan limit = i % 3 == 0 ? TimeSpan.FromMilliseconds(2) : TimeSpan.FromHours(1);
                attempt.Await(began, limit);
                bool cancelled = attempt.Token.IsCancellationRequested;
                Assert.True(!cancelled || _time.GetElapsedTime(began) >= limit, "It was cancelled before its time.");
                cache.Return(attempt);
            }
        })));
        Volatile.Write(ref done, true);
        await clock;
    }

    private void Await(Attempt attempt) => attempt.Await(_time.GetTimestamp(), Limit);
}
