using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(1);

    private readonly RecentLongest _longest = new();
    private readonly ConcurrentQueue<Attempt> _moved = new();

    /// <inheritdoc cref="Attempt.Count"/>
    public void Count(Attempt attempt) => attempt.Count(_members.CallsBegun());

    /// <summary>The call is answered; of a stream the first content has come.</summary>
    public void Timed(Attempt attempt)
    {
        attempt.IsAnswered = true;
        if (attempt.StartedAt != 0)
        {
            TimeSpan took = attempt.Took(_time.GetTimestamp());
            _longest.Add(took);
            attempt.Endpoint.Vitals.Answered(attempt.Number, took);
        }
    }

    /// <summary>One that ended before its client returned was never counted, and is taken for as young as any; a client that blocks may have held it for long.</summary>
    private uint NumberOf(Attempt attempt) => attempt.IsCounted ? attempt.Number : _members.CallsBegun();

    private void BeginWatchingUnsynchronized(IEnumerable<Endpoint> endpoints)
    {
        uint latest = _members.CallsBegun();
        foreach (Endpoint endpoint in endpoints)
        {
            endpoint.Vitals.CountAtOnce(0, latest);
        }
    }

    /// <summary>Looks for endpoints that have fallen silent or slow, each among those that answer the same model.</summary>
    private void Observe(bool compare)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            uint latest = _members.CallsBegun();
            foreach (Endpoint endpoint in _members.Endpoints)
            {
                endpoint.Vitals.CountAtOnce(endpoint.Answered, latest);
                endpoint.Capacity.Note(endpoint.Answered, now);
            }

            foreach (EndpointGroup group in _members.Groups)
            {
                FindSilentUnsynchronized(group, latest, now);
                _dirty |= compare && group.FindSlow();
            }

            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    /// <summary>Without the lock, since it is asked often and a healthy pool says no; most of all one where nobody waits.</summary>
    private bool HasSuspect(PoolMembers members)
    {
        _attempts.ForgetCrowd();
        foreach (Endpoint endpoint in members.Endpoints)
        {
            if (endpoint.InFlight >= SilenceWatch.LeastWaiting)
            {
                _attempts.NoteCrowd();
                return HasSuspectAmong(members);
            }
        }

        return false;
    }

    private static bool HasSuspectAmong(PoolMembers members)
    {
        uint latest = members.CallsBegun();
        foreach (EndpointGroup group in members.Groups)
        {
            foreach (Endpoint endpoint in group.Endpoints)
            {
                if (group.Silence.IsSuspect(endpoint.InFlight, endpoint.Vitals.HeardAge(latest)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private void FindSilentUnsynchronized(EndpointGroup group, uint latest, long now)
    {
        foreach (Endpoint endpoint in group.Endpoints)
        {
            uint heardAge = endpoint.Vitals.HeardAge(latest);
            if (!endpoint.Health.IsOpen || !group.Silence.IsSuspect(endpoint.InFlight, heardAge))
            {
                continue;
            }

            List<uint> answered = [];
            foreach (Endpoint other in group.Endpoints)
            {
                if (other != endpoint)
                {
                    other.Vitals.AddAges(latest, heardAge, answered);
                }
            }

            if (answered.Count >= group.Silence.Patience)
            {
                answered.Sort();
                LookCloselyUnsynchronized(group, endpoint, answered, latest, heardAge, now);
            }
        }
    }

    private void LookCloselyUnsynchronized(EndpointGroup group, Endpoint endpoint, List<uint> othersAnswered, uint latest, uint heardAge, long now)
    {
        List<(uint Age, TimeSpan Waited)> waiting = [];
        List<uint> othersWaiting = [];
        foreach (Attempt attempt in _attempts.Snapshot())
        {
            if (attempt.Endpoint is not { } at || attempt.IsAnswered || attempt.StartedAt == 0 || latest - attempt.Number is var age && age >= heardAge)
            {
                continue;
            }

            if (at == endpoint)
            {
                waiting.Add((age, attempt.Took(now)));
            }
            else if (group.Endpoints.Contains(at))
            {
                othersWaiting.Add(age);
            }
        }

        othersWaiting.Sort();
        waiting.Sort();
        if (group.Silence.IsSilent(
            CollectionsMarshal.AsSpan(waiting), CollectionsMarshal.AsSpan(othersAnswered), CollectionsMarshal.AsSpan(othersWaiting), endpoint.Vitals.Took(), heardAge))
        {
            endpoint.MiddleWaiting = latest - waiting[waiting.Count / 2].Age;
            FallSilentUnsynchronized(endpoint, waiting[^1].Waited, now);
        }
    }

    private void FallSilentUnsynchronized(Endpoint endpoint, TimeSpan waited, long now)
    {
        AttemptOutcome outcome = new(OutcomeKind.Silent, new TimeoutException($"Endpoint '{endpoint.Name}' gave no sign of life while the others went on answering."));
        endpoint.LastFailure = Call.Describe(endpoint, outcome, waited);
        BlameUnsynchronized(endpoint, _generation, outcome, waited, fingerprint: 0, onProbation: false, now);
    }

    /// <summary>An endpoint that was taken for silent answers after all. One of the older half of its calls may be from before it hung, and says nothing.</summary>
    private void ReviveUnsynchronized(Attempt attempt, long now)
    {
        Health health = attempt.Endpoint.Health;
        if (health.Reason == OutcomeKind.Silent && attempt.Generation < health.StruckAt && (int)(NumberOf(attempt) - attempt.Endpoint.MiddleWaiting) >= 0)
        {
            health.Revive(now);
            _dirty = true;
        }
    }

    /// <summary>Takes calls away from silent endpoints that have waited longer there than any answer takes, oldest first and paced.</summary>
    /// <returns>When the next one may be taken.</returns>
    private long MoveStuckUnsynchronized(long now)
    {
        if (!Array.Exists(_members.Endpoints, IsStuck) && !_leaving.Exists(IsStuck))
        {
            return long.MaxValue;
        }

        // A call that was picked a moment before may only now become one that waits there, so look again.
        long next = _time.After(now, ProbeSpacing);
        TimeSpan limit = 2 * _longest.Read();
        foreach (Attempt attempt in _attempts.Snapshot().Where(static attempt => attempt.IsMovable && attempt.StartedAt != 0).OrderBy(static attempt => attempt.StartedAt))
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

            if (!_budget.TryTake(now, _members.CallsBegun()))
            {
                // A little later, so that rounding does not make it too early, and that again and again.
                return _time.After(_budget.NextAt(now), Rounding);
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
