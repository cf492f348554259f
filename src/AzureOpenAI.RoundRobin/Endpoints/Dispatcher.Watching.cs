using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Endpoints;

internal sealed partial class Dispatcher
{
    /// <summary>So many answers of one endpoint lie between two looks at all of them, at least.</summary>
    private const int LeastBetweenLooks = 16;

    private readonly long _observeEvery;
    private readonly RecentLongest _longest = new();
    private readonly ConcurrentQueue<Attempt> _moved = new();

    /// <summary>An answer, or a stream's first content, took so long.</summary>
    public void Timed(Attempt attempt)
    {
        if (attempt.StartedAt != 0)
        {
            _longest.Add(attempt.Took(_time.GetTimestamp()));
        }
    }

    /// <summary>Looks for endpoints that have fallen silent or slow, each among those that answer the same model.</summary>
    private void Observe()
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            foreach (Endpoint endpoint in _endpoints)
            {
                endpoint.Capacity.Note(endpoint.Answered, now);
            }

            foreach (EndpointGroup group in _groups)
            {
                ObserveUnsynchronized(group, now);
            }

            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    private void ObserveUnsynchronized(EndpointGroup group, long now)
    {
        long answered = 0;
        foreach (Endpoint endpoint in group.Endpoints)
        {
            answered += endpoint.Answered;
        }

        for (int i = 0; i < group.Endpoints.Length; i++)
        {
            Endpoint endpoint = group.Endpoints[i];
            bool silent = group.Silence.IsSilent(i, endpoint.InFlight, endpoint.Signs, answered - endpoint.Answered);
            if (silent && endpoint.Health.IsOpen)
            {
                FallSilentUnsynchronized(endpoint, now);
            }
        }

        _dirty |= group.FindSlow();
    }

    private void FallSilentUnsynchronized(Endpoint endpoint, long now)
    {
        TimeSpan oldest = TimeSpan.Zero;
        foreach (Attempt attempt in _attempts.Snapshot())
        {
            if (attempt.Endpoint == endpoint && attempt.Took(now) is var took && took > oldest)
            {
                oldest = took;
            }
        }

        AttemptOutcome outcome = new(OutcomeKind.Silent, new TimeoutException($"Endpoint '{endpoint.Name}' gave no sign of life while the others went on answering."));
        endpoint.LastFailure = Call.Describe(endpoint, outcome, oldest);
        BlameUnsynchronized(endpoint, _generation, outcome, oldest, fingerprint: 0, onProbation: false, now);
    }

    private void ReviveUnsynchronized(Attempt attempt, long now)
    {
        Health health = attempt.Endpoint.Health;
        if (health.Reason == OutcomeKind.Silent && attempt.Generation < health.StruckAt)
        {
            health.Revive(now);
            _dirty = true;
        }
    }

    /// <summary>Takes calls away from silent endpoints that have waited longer there than any answer takes, oldest first and paced.</summary>
    /// <returns>When the next one may be taken.</returns>
    private long MoveStuckUnsynchronized(long now)
    {
        if (!Array.Exists(_endpoints, static endpoint => IsStuck(endpoint)))
        {
            return long.MaxValue;
        }

        // A call that was picked a moment before may only now become one that waits there, so look again.
        long next = _time.After(now, ProbeSpacing);
        TimeSpan limit = 2 * _longest.Read();
        foreach (Attempt attempt in _attempts.Snapshot().Where(static attempt => attempt.IsMovable).OrderBy(static attempt => attempt.StartedAt))
        {
            if (attempt.Endpoint is not { } endpoint || !IsStuck(endpoint))
            {
                continue;
            }

            long movableAt = _time.After(attempt.StartedAt, limit);
            if (movableAt > now)
            {
                return Math.Min(next, movableAt);
            }

            if (!_budget.TryTake(now, CallsBegun()))
            {
                return _budget.NextAt(now);
            }

            if (attempt.TryMove(endpoint, now))
            {
                _moved.Enqueue(attempt);
            }
        }

        return next;
    }

    private static bool IsStuck(Endpoint endpoint) =>
        endpoint.Health is { Reason: OutcomeKind.Silent, Condition: Condition.Out or Condition.Probing } && endpoint.InFlight > 0;

    /// <summary>What was decided under the lock and runs other people's code: their loggers, and their cancellations.</summary>
    private void FinishOutside()
    {
        while (_moved.TryDequeue(out Attempt? attempt))
        {
            attempt.EndMoved();
        }

        _log.Tell();
    }
}
