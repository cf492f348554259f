using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Judges a call that has waited longer than any recent answer can explain, while other endpoints have answered younger ones: it is relocated. The second such call at an
/// endpoint that has answered none between says that the endpoint has stalled. It needs no minimum of calls in flight, so it holds at a few calls a minute too.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class AgedCalls(TimeProvider time, InFlight inFlight, RetryBudget budget, Func<uint> callsBegun)
{
    /// <summary>What waits is looked at once in this time, since each look is over all calls in flight.</summary>
    private static readonly TimeSpan LookSpacing = TimeSpan.FromMilliseconds(250);

    private readonly Dictionary<Endpoint, long> _oldest = [];
    private long _lookedAt = long.MinValue;

    /// <summary>Claims the call for another endpoint, if it is to be relocated. The caller cancels it after the lock.</summary>
    /// <param name="attempt">The call.</param>
    /// <param name="members">The pool's endpoints.</param>
    /// <param name="now">The present.</param>
    /// <param name="stall">Set where its endpoint has stalled.</param>
    /// <returns>Whether it was claimed.</returns>
    public bool TryClaim(Attempt attempt, PoolMembers members, long now, out Stall? stall)
    {
        stall = null;
        uint number = attempt.Number;
        if (attempt.Endpoint is not { } endpoint || !IsAged(attempt, now) || !IsAlone(attempt, endpoint, members, now) || !budget.TryTake(now, callsBegun()))
        {
            return false;
        }

        TimeSpan waited = attempt.Took(now);
        if (!attempt.TryRelocate(endpoint, now))
        {
            return false;
        }

        int answers = endpoint.ResponseTimes.Answers;
        if (endpoint.AnswersAtAgedCall == answers && endpoint.Health.Deployment.IsAvailable)
        {
            stall = new Stall(endpoint, waited, number);
        }

        endpoint.AnswersAtAgedCall = answers;
        return true;
    }

    private bool IsAged(Attempt attempt, long now) =>
        attempt is { CanRelocate: true, IsAnswered: false, IsRelocated: false } && attempt.StartedAt != 0
        && inFlight.Ages.JudgedAt(attempt.Received is { LastAt: > long.MinValue } received ? Math.Max(attempt.StartedAt, received.LastAt) : attempt.StartedAt) <= now;

    /// <summary>
    /// Of the other endpoints of a model that have answered a younger call, at least half have no call that waits half as long: where old calls wait everywhere, as before the
    /// first long answers have come, their age says nothing of one endpoint. And one of them takes the call at once, so that a call that is merely long is not lost.
    /// </summary>
    private bool IsAlone(Attempt attempt, Endpoint endpoint, PoolMembers members, long now)
    {
        uint latest = callsBegun();
        long halfAsOld = time.After(attempt.StartedAt, attempt.Took(now) / 2);
        (int answering, int waiting, bool hasRoom) = (0, 0, false);
        Picker[] pickers = Array.FindAll(members.Pickers, picker => picker.Endpoints.Contains(endpoint));
        foreach (Endpoint other in pickers.SelectMany(static picker => picker.Endpoints).Distinct())
        {
            List<uint> younger = [];
            other.ResponseTimes.AddAges(latest, latest - attempt.Number, younger);
            if (other != endpoint && younger.Count > 0)
            {
                answering++;
                waiting += OldestAt(other, now) <= halfAsOld ? 1 : 0;
                hasRoom |= other.Health.IsAvailable && other.HasRoom(now);
            }
        }

        return hasRoom && 2 * waiting <= answering && Array.TrueForAll(pickers, static picker => picker.Queue.Length == 0);
    }

    /// <summary>When the oldest call began that waits at the endpoint; long.MaxValue where none does.</summary>
    private long OldestAt(Endpoint endpoint, long now)
    {
        if (_lookedAt == long.MinValue || time.Until(_lookedAt, now) >= LookSpacing)
        {
            _lookedAt = now;
            _oldest.Clear();
            foreach (Attempt attempt in inFlight.Snapshot())
            {
                if (attempt.Endpoint is { } at && attempt.StartedAt is var startedAt && startedAt != 0 && !attempt.IsAnswered)
                {
                    _oldest[at] = Math.Min(startedAt, _oldest.GetValueOrDefault(at, long.MaxValue));
                }
            }
        }

        return _oldest.GetValueOrDefault(endpoint, long.MaxValue);
    }
}
