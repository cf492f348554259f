using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>The deadline of one attempt, and its reuse.</summary>
public class AttemptDeadlineTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly FakeClock _time = new();

    [Fact]
    public void Await_EndsInTime_CancelsNothing()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
        using CancellationTokenRegistration registration = attempt.Token.Register(static () => throw new InvalidOperationException("a client's own"));
        Await(attempt);

        _time.Advance(2 * Limit);

        Assert.True(attempt.TimedOut);
        Assert.True(attempt.Token.IsCancellationRequested);
    }

    [Fact]
    public void Await_OneAfterTheOther_CountsFromTheLast()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.Await(_time.GetTimestamp(), TimeSpan.FromHours(1));
        attempt.Arrived();

        attempt.Await(_time.GetTimestamp(), TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_AfterTheTimerRanOutWithoutAWait_IsKept()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
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
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.Await(_time.GetTimestamp(), Timeout.InfiniteTimeSpan);
        attempt.Arrived();

        Await(attempt);
        _time.Advance(Limit);

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    public void Await_Infinite_NeverCancels()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.Await(_time.GetTimestamp(), Timeout.InfiniteTimeSpan);

        _time.Advance(TimeSpan.FromDays(1));

        Assert.False(attempt.Token.IsCancellationRequested);
        Assert.True(attempt.TryReset());
    }

    [Fact]
    [Trait("Rule", "R8")]
    public void Await_BytesCome_CountsFromTheLast()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        ReceivedBytes received = attempt.CountReceived();
        Await(attempt);
        for (int i = 0; i < 20; i++)
        {
            _time.Advance(0.9 * Limit);
            received.Came(1);
        }

        _time.Advance(Limit - TimeSpan.FromTicks(1));
        Assert.False(attempt.TimedOut);
        _time.Advance(TimeSpan.FromTicks(1) + TimeSpan.FromMilliseconds(1));

        Assert.True(attempt.TimedOut);
        Assert.Equal(20, received.Value);
    }

    [Fact]
    [Trait("Rule", "R8")]
    public void Await_BytesCameBefore_CountsFromItsBeginning()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.CountReceived().Came(1);
        _time.Advance(0.5 * Limit);
        Await(attempt);

        _time.Advance(0.9 * Limit);
        Assert.False(attempt.TimedOut);
        _time.Advance(0.1 * Limit);

        Assert.True(attempt.TimedOut);
    }

    [Fact]
    [Trait("Rule", "R8")]
    public void Await_BytesOfAnOlderRequest_MoveNothing()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        ReceivedBytes older = attempt.CountReceived();
        Assert.True(attempt.TryReset());
        ReceivedBytes received = attempt.CountReceived();
        Await(attempt);
        _time.Advance(0.9 * Limit);
        older.Came(1);
        _time.Advance(0.1 * Limit);

        Assert.True(attempt.TimedOut);
        Assert.NotSame(older, received);
    }

    [Theory]
    [Trait("Rule", "R8")]
    [InlineData(10)]
    [InlineData(-0.001)]
    public void Await_AtMost_IsNotMoved(double limit)
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        ReceivedBytes received = attempt.CountReceived();
        attempt.Await(_time.GetTimestamp(), TimeSpan.FromSeconds(limit), TimeSpan.FromSeconds(25));
        for (int i = 0; i < 4; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(6));
            received.Came(1);
        }

        Assert.False(attempt.TimedOut);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(attempt.TimedOut);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public void Await_AtMostIsOver_CancelsAtOnce(double most)
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.Await(_time.GetTimestamp(), Limit, TimeSpan.FromSeconds(most));

        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(attempt.TimedOut);
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
