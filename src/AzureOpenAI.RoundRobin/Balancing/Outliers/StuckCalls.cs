using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Claims attempts for relocation: those at a stalled endpoint that have waited twice as long as the longest of the pool's last 128 answers. The oldest first, each for a token
/// of the retry budget.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class StuckCalls(TimeProvider time, InFlight inFlight, RetryBudget budget, Func<uint> callsBegun)
{
    private static readonly TimeSpan LookSpacing = TimeSpan.FromMilliseconds(250);

    /// <summary>The next look comes this much after the budget's next token, so that rounding never makes it too early.</summary>
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(1);

    private readonly RecentLongest _longest = inFlight.Ages.Last;

    /// <summary>Claims the attempts that are due now. The caller cancels them after the lock.</summary>
    public IReadOnlyList<Attempt> ClaimDue(Unsettled unsettled, long now)
    {
        if (!HasStalled(unsettled))
        {
            return [];
        }

        List<Attempt> claimed = [];
        TimeSpan limit = 2 * _longest.Read();
        foreach (Attempt attempt in Waiting(unsettled))
        {
            if (attempt.Endpoint is not { } endpoint || time.After(attempt.StartedAt, limit) > now || !budget.TryTake(now, callsBegun()))
            {
                break;
            }

            if (attempt.TryRelocate(endpoint, now))
            {
                claimed.Add(attempt);
            }
        }

        return claimed;
    }

    /// <summary>When to claim again; long.MaxValue while no endpoint has stalled.</summary>
    public long NextAt(Unsettled unsettled, long now)
    {
        if (!HasStalled(unsettled))
        {
            return long.MaxValue;
        }

        // An attempt that was picked before the stall may begin to wait only now, so look again.
        long again = time.After(now, LookSpacing);
        if (Waiting(unsettled).FirstOrDefault() is not { } oldest)
        {
            return again;
        }

        long dueAt = time.After(oldest.StartedAt, 2 * _longest.Read());
        return dueAt > now ? Math.Min(again, dueAt) : time.After(budget.NextAt(now), Rounding);
    }

    /// <summary>The attempts at stalled endpoints that may be relocated, the oldest first.</summary>
    private IEnumerable<Attempt> Waiting(Unsettled unsettled) => !HasStalled(unsettled) ? [] : inFlight.Snapshot()
        .Where(static attempt => attempt is { CanRelocate: true, IsRelocated: false } && attempt.StartedAt != 0 && attempt.Endpoint is { } endpoint && IsStalled(endpoint))
        .OrderBy(static attempt => attempt.StartedAt);

    private bool HasStalled(Unsettled unsettled) => unsettled.HasStalled || Array.Exists(inFlight.Leaving, IsStalled);

    private static bool IsStalled(Endpoint endpoint) =>
        endpoint.Health.Deployment is { Reason: OutcomeKind.Stalled, State: EndpointState.Unavailable or EndpointState.Probing } && endpoint.InFlight > 0;
}
