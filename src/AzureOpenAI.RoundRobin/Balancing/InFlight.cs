using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The attempts that run. None begins at an endpoint that has left or in a disposed pool; what the pool owns is released once, after the last has ended.</summary>
/// <remarks>
/// <para><see cref="TryBegin"/> and <see cref="End"/> run without a lock. The flag of the endpoint that they read is set under the balancer's lock, for one that leaves or for all, and then a process-wide fence follows.</para>
/// <code>
///   T1 begins an attempt:  marks it as running;  reads the flag
///   T2 disposes, retires:  sets a flag;  Interlocked.MemoryBarrierProcessWide();  looks for marks
/// </code>
/// <para>
/// Either T1's read comes after T2's fence and sees the flag, or T1's mark came before the fence and T2 sees the attempt. So T1 needs no fence of its own. If the last
/// two attempts end at one time, each clears its mark before it takes the lock in <see cref="ReleaseIfIdle"/> and reads the marks in it: at least the second finds none.
/// </para>
/// </remarks>
/// <param name="time">The source of all time.</param>
/// <param name="log">The pool's log.</param>
/// <param name="release">Run once, after disposal and after the last attempt has ended.</param>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The cache of attempts is disposed with the last attempt, by ReleaseIfIdle.")]
internal sealed class InFlight(TimeProvider time, PoolLog log, Action release)
{
    private const int CountApart = 25;

    private readonly AttemptCache _attempts = new(time);
    private readonly Lock _lock = new();
    // Swapped whole under the lock.
    private volatile Endpoint[] _leaving = [];
    private volatile bool _isClosed;
    // Under the balancer's lock.
    private int _round;
    private bool _knowsRecent;
    private long _recentUntil = long.MinValue;
    // Under the own lock.
    private Attempt[]? _running;
    private int _ended;
    private bool _isReleased;

    /// <summary>The pool is disposed.</summary>
    public bool IsClosed => _isClosed;

    /// <summary>Endpoints that have left the configuration and still have calls.</summary>
    public Endpoint[] Leaving => _leaving;

    /// <inheritdoc cref="AttemptCache.Ages"/>
    public AgeWatch Ages => _attempts.Ages;

    /// <inheritdoc cref="AttemptCache.MayHaveStall"/>
    public bool MayHaveStall => _attempts.MayHaveStall;

    /// <summary>Starts an attempt of a call that may complete synchronously; null if the pool was disposed or the endpoint retired in the same moment.</summary>
    public Attempt? TryBegin(Endpoint endpoint, int epoch)
    {
        Attempt? attempt = Begin(_attempts.RentHere(), endpoint, epoch);
        if (attempt is null)
        {
            LookForLeavers(endpoint);
        }

        return attempt;
    }

    /// <summary>Starts an attempt under the balancer's lock. Disposal and retirement take the lock before they set their flags, so it does begin.</summary>
    public Attempt Begin(Endpoint endpoint, int epoch)
    {
        CountRecent(endpoint);
        return Begin(_attempts.Rent(), endpoint, epoch)!;
    }

    /// <summary>The same for a call that may complete synchronously, on the thread that goes on with it.</summary>
    public Attempt BeginHere(Endpoint endpoint, int epoch, long pickedAt)
    {
        CountRecent(endpoint);
        return Begin(_attempts.RentHere(), endpoint, epoch, pickedAt)!;
    }

    /// <summary>The attempt has ended, and the object may serve another.</summary>
    public void End(Attempt attempt) => _attempts.Return(attempt);

    /// <inheritdoc cref="AttemptCache.BegunHere"/>
    public Endpoint? BegunHere => _attempts.BegunHere;

    /// <inheritdoc cref="AttemptCache.CountAtEach"/>
    public Dictionary<Endpoint, int> CountAtEach() => _attempts.CountAtEach();

    /// <summary>
    /// The attempts that run at an endpoint and began lately. Under the balancer's lock: all are counted at the first question, and then only what begins, until the present has
    /// changed; and for 25 times as long as the count took, which is nothing beside a rejection time but keeps ten thousands of attempts from being counted for each of ten
    /// thousands of rejections.
    /// </summary>
    public RecentCalls Recent(Endpoint endpoint, long now)
    {
        if (!_knowsRecent)
        {
            long began = time.GetTimestamp();
            _attempts.CountRecent(++_round, now);
            (_knowsRecent, _recentUntil) = (true, now + (CountApart * (time.GetTimestamp() - began)));
        }

        return endpoint.RecentIn(_round);
    }

    /// <summary>The present has changed. Under the balancer's lock.</summary>
    public void ForgetRecent(long now) => _knowsRecent &= now < _recentUntil;

    /// <inheritdoc cref="AttemptCache.Snapshot"/>
    public Attempt[] Snapshot() => _attempts.Snapshot();

    /// <inheritdoc cref="AttemptCache.NoteMayHaveStall"/>
    public void NoteMayHaveStall() => _attempts.NoteMayHaveStall();

    /// <inheritdoc cref="AttemptCache.ForgetMayHaveStall"/>
    public void ForgetMayHaveStall() => _attempts.ForgetMayHaveStall();

    /// <summary>Lets no further attempt begin at these endpoints. The caller follows with a process-wide fence, and then with <see cref="TellDrained"/>.</summary>
    public void Retire(Endpoint[] endpoints)
    {
        Array.ForEach(endpoints, static endpoint => endpoint.Retire());
        lock (_lock)
        {
            _leaving = [.. _leaving, .. endpoints];
        }
    }

    /// <summary>Logs each endpoint that has left and has no calls any more, once.</summary>
    public void TellDrained()
    {
        lock (_lock)
        {
            // While calls wait there, their count says that it is not drained: the attempts are looked at for what is not counted only.
            Endpoint[] drained = Array.FindAll(_leaving, static endpoint => endpoint.InFlight == 0);
            if (drained.Length > 0)
            {
                Dictionary<Endpoint, int> running = _attempts.CountAtEach();
                drained = Array.FindAll(drained, endpoint => !running.ContainsKey(endpoint));
            }

            _leaving = [.. _leaving.Except(drained)];
            Array.Reverse(drained);
            Array.ForEach(drained, endpoint => log.Left(endpoint.Name));
        }

        log.Write();
    }

    /// <summary>An attempt has ended, or did not begin, at an endpoint that has left or in a disposed pool.</summary>
    public void LookForLeavers(Endpoint endpoint)
    {
        if (endpoint.IsRetired)
        {
            TellDrained();
        }

        if (_isClosed)
        {
            ReleaseIfIdle();
        }
    }

    /// <summary>Lets no further attempt begin at these endpoints, which are all that the pool has. Under the balancer's lock; the caller follows with a process-wide fence outside of it.</summary>
    public void Close(Endpoint[] endpoints)
    {
        // In this order: who sees that all is closed may release it, and then no endpoint may still take an attempt.
        Array.ForEach(endpoints, static endpoint => endpoint.Close());
        _isClosed = true;
    }

    /// <summary>All is closed, and a process-wide fence came after it: what runs now is all that ever will. Releases what the pool owns, where nothing does.</summary>
    public void Drain()
    {
        lock (_lock)
        {
            _running = Array.FindAll(_attempts.Snapshot(), static attempt => !attempt.IsIdle);
        }

        ReleaseIfIdle();
    }

    /// <summary>An attempt has ended in a disposed pool. Those that have ended before are not looked at again, so the end of one costs no more where many run.</summary>
    private void ReleaseIfIdle()
    {
        Interlocked.MemoryBarrier();
        lock (_lock)
        {
            if (_running is null)
            {
                // The thread that disposes the pool has yet to look.
                return;
            }

            for (; _ended < _running.Length && _running[_ended].IsIdle; _ended++)
            {
                Visits.Add();
            }

            if (_ended < _running.Length || _isReleased)
            {
                return;
            }

            _isReleased = true;
        }

        _attempts.Dispose();
        release();
    }

    private void CountRecent(Endpoint endpoint)
    {
        if (_knowsRecent)
        {
            endpoint.CountRecent(_round, isUnanswered: true, isOfLastSecond: true);
        }
    }

    private Attempt? Begin(Attempt attempt, Endpoint endpoint, int epoch, long pickedAt = 0)
    {
        attempt.Begin(endpoint, epoch, pickedAt);
        if (endpoint.IsClosed)
        {
            _attempts.Return(attempt);
            return null;
        }

        return attempt;
    }
}
