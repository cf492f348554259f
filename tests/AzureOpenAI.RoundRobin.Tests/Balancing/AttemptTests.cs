using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>One attempt's token and deadline, and its reuse.</summary>
public class AttemptTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private readonly FakeClock _time = new();

    [Fact]
    public void EndMoved_CallbackThrows_ThrowsNothing()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        using CancellationTokenRegistration registration = attempt.Token.Register(static () => throw new InvalidOperationException("a client's own"));

        attempt.Cancel();

        Assert.True(attempt.Token.IsCancellationRequested);
    }

    [Fact]
    public void TryReset_ClaimedAndNotYetCancelled_IsNotUsedAgain()
    {
        using FakePool pool = new(2);
        Attempt attempt = new(new AttemptCache(_time), _time) { StartedAt = 10, CanRelocate = true };
        attempt.Begin(pool.EndpointAt(0), 1);
        Await(attempt);
        Assert.True(attempt.TryRelocate(pool.EndpointAt(0), 11));

        Assert.False(attempt.TryReset());
    }

    [Fact]
    public void TryReset_ClientLeftACallback_ForgetsIt()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        int called = 0;
        _ = attempt.Token.Register(() => called++);
        Assert.True(attempt.TryReset());

        Await(attempt);
        _time.Advance(Limit);

        Assert.True(attempt.Token.IsCancellationRequested);
        Assert.Equal(0, called);
    }

    [Fact]
    public void TryMove_OnlyWhereItWaitsAtTheEndpointAndMayBeRelocated()
    {
        using FakePool pool = new(2);
        Attempt attempt = new(new AttemptCache(_time), _time) { StartedAt = 10 };
        attempt.Begin(pool.EndpointAt(0), 1);
        Assert.False(attempt.TryRelocate(pool.EndpointAt(0), 11));
        Await(attempt);
        Assert.False(attempt.TryRelocate(pool.EndpointAt(0), 11));
        attempt.CanRelocate = true;

        Assert.False(attempt.TryRelocate(pool.EndpointAt(1), 11));
        Assert.False(attempt.TryRelocate(pool.EndpointAt(0), 10));
        Assert.False(attempt.IsRelocated);
        Assert.True(attempt.TryRelocate(pool.EndpointAt(0), 11));

        Assert.True(attempt.IsRelocated);
        Assert.False(attempt.TryRelocate(pool.EndpointAt(0), 11));
        Assert.False(attempt.Arrived());
    }

    [Fact]
    public void TryMove_AfterTheAnswerArrived_IsTooLate()
    {
        using FakePool pool = new(1);
        Attempt attempt = new(new AttemptCache(_time), _time) { StartedAt = 10, CanRelocate = true };
        attempt.Begin(pool.EndpointAt(0), 1);
        Await(attempt);
        Assert.True(attempt.Arrived());

        Assert.False(attempt.TryRelocate(pool.EndpointAt(0), 11));
        Assert.True(attempt.Arrived());
    }

    [Fact]
    public void Sent_MoreThanOnce_CountsFromTheFirst()
    {
        using FakePool pool = new(1);
        Attempt attempt = new(new AttemptCache(_time), _time);
        attempt.Begin(pool.EndpointAt(0), 1);

        attempt.Sent(5);
        attempt.Sent(9);

        Assert.Equal((5, true), (attempt.StartedAt, attempt.IsSent));
    }

    [Fact]
    public void TryReset_LeavesNothingOfTheLastAttempt()
    {
        using FakePool pool = new(1);
        Attempt attempt = new(new AttemptCache(_time), _time) { CanRelocate = true, IsAnswered = true, IsAdmitted = true, Permit = new(true, true) };
        attempt.Begin(pool.EndpointAt(0), 1);
        attempt.Count(1);
        attempt.Sent(5);
        attempt.CountReceived();
        StreamLease lease = attempt.Lease(pool.Pool.Balancer.Tracker);
        PendingUpdate move = lease.Pending;
        Assert.Same(attempt, lease.Release());

        Assert.True(attempt.TryReset());

        Assert.Null(attempt.Endpoint);
        Assert.Null(attempt.Received);
        Assert.Equal(0, attempt.StartedAt);
        Assert.False(attempt.CanRelocate || attempt.IsAnswered || attempt.IsAdmitted || attempt.HoldsPermit || attempt.IsCounted || attempt.IsSent);
        Assert.Same(lease, attempt.Lease(pool.Pool.Balancer.Tracker));
        Assert.Same(move, lease.Pending);
    }

    [Fact]
    public void TryReset_WhileItWaits_DisarmsItsDeadline()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        for (int i = 0; i < 30; i++)
        {
            Await(attempt);
            _time.Advance(0.4 * Limit);
            Assert.True(attempt.TryReset());
            Assert.False(attempt.Token.IsCancellationRequested);
        }

        _time.Advance(2 * Limit);
        Assert.False(attempt.Token.IsCancellationRequested);
    }

    [Fact]
    public void Follow_CallersToken_EndsWithTheAttempt()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        using CancellationTokenSource first = new();
        using CancellationTokenSource second = new();
        attempt.Follow(first.Token);
        Assert.True(attempt.TryReset());

        attempt.Follow(second.Token);
        first.Cancel();
        Assert.False(attempt.Token.IsCancellationRequested);
        second.Cancel();

        Assert.True(attempt.Token.IsCancellationRequested);
        Assert.False(attempt.TimedOut);
        Assert.False(attempt.TryReset());
    }

    [Fact]
    public void LetGo_WhileTheCallersCancellationRuns_ThrowsNothingIntoIt()
    {
        Attempt attempt = new(new AttemptCache(_time), _time);
        using CancellationTokenSource caller = new();
        attempt.Follow(caller.Token);

        attempt.LetGo();
        caller.Cancel();

        Assert.True(attempt.Token.IsCancellationRequested);
    }

    /// <summary>What is known of an attempt is looked for, and forgotten, only where one look says that there is something.</summary>
    [Fact]
    public void TryReset_AnyKnownFact_ForgetsIt()
    {
        using CancellationTokenSource caller = new();
        Dictionary<string, Action<Attempt>> known = new()
        {
            [nameof(Attempt.IsAnswered)] = static attempt => attempt.IsAnswered = true,
            ["a permit of the deployment"] = static attempt => attempt.Permit = new(true, false),
            ["a permit of the resource"] = static attempt => attempt.Permit = new(false, true),
            [nameof(Attempt.IsAdmitted)] = static attempt => attempt.IsAdmitted = true,
            [nameof(Attempt.IsSent)] = static attempt => attempt.IsSent = true,
            [nameof(Attempt.CanRelocate)] = static attempt => attempt.CanRelocate = true,
            [nameof(Attempt.StartedAt)] = static attempt => attempt.StartedAt = 5,
            [nameof(Attempt.Usage)] = static attempt => attempt.Usage = new(1, 2, 0),
            [nameof(Attempt.Interruption)] = static attempt => attempt.Interruption = new(),
            [nameof(Attempt.Received)] = static attempt => attempt.CountReceived(),
            [nameof(Attempt.Caller)] = attempt => attempt.Follow(caller.Token),
            [nameof(Attempt.Await)] = Await,
        };
        foreach ((string what, Action<Attempt> note) in known)
        {
            Attempt attempt = new(new AttemptCache(_time), _time);
            Assert.True(attempt.IsPlain, what);
            note(attempt);
            Assert.False(attempt.IsPlain, what);

            Assert.True(attempt.TryReset(), what);

            Assert.True(attempt.IsPlain, what);
            Assert.Equal(
                (false, false, false, false, 0L, false, default, null, null, false),
                (attempt.IsAnswered, attempt.HoldsPermit, attempt.IsAdmitted, attempt.IsSent, attempt.StartedAt, attempt.CanRelocate, attempt.Usage, attempt.Interruption, attempt.Received,
                    attempt.Caller.CanBeCanceled));
        }

        Attempt kept = new(new AttemptCache(_time), _time) { IsTokenKept = true };
        Assert.False(kept.IsPlain);
        Assert.False(kept.TryReset());
    }

    private void Await(Attempt attempt) => attempt.Await(_time.GetTimestamp(), Limit);
}
