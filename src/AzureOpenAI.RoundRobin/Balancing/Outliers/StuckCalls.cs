using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Claims attempts for relocation: those at a stalled endpoint that have waited twice as long as the longest of the pool's last 128 answers. The oldest first, each for a token
/// of the retry budget.
/// </summary>
/// <remarks>Not safe for concurrent use, but for <see cref="Add"/>; the balancer's lock guards it.</remarks>
internal sealed class StuckCalls(TimeProvider time, InFlight inFlight, RetryBudget budget, Func<uint> callsBegun)
{
    private static readonly TimeSpan LookSpacing = TimeSpan.FromMilliseconds(250);

    /// <summary>The next look comes this much after the budget's next token, so that rounding never makes it too early.</summary>
    private static readonly TimeSpan Rounding = TimeSpan.FromMilliseconds(1);

    private readonly RecentLongest _longest = new();

    /// <summary>Notes the duration of an answer; for a stream, the time to its first content.</summary>
    public void Add(TimeSpan took) => _longest.Add(took);

    /// <summary>Claims the attempts that are due now. The caller cancels them after the lock.</summary>
    /// <param name="members">The pool's endpoints.</param>
    /// <param name="now">The present.</param>
    /// <param name="next">When to look again; long.MaxValue while no endpoint has stalled.</param>
    public IReadOnlyList<Attempt> ClaimDue(PoolMembers members, long now, out long next)
    {
        if (!Array.Exists(members.Endpoints, IsStalled) && !Array.Exists(inFlight.Leaving, IsStalled))
        {
            next = long.MaxValue;
            return [];
        }

        // An attempt that was picked before the stall may begin to wait only now, so look again.
        next = time.After(now, LookSpacing);
        TimeSpan limit = 2 * _longest.Read();
        List<Attempt> claimed = [];
        foreach (Attempt attempt in inFlight.Snapshot().Where(static attempt => attempt is { CanRelocate: true, IsRelocated: false } && attempt.StartedAt != 0).OrderBy(static attempt => attempt.StartedAt))
        {
            if (attempt.Endpoint is not { } endpoint || !IsStalled(endpoint))
            {
                continue;
            }

            long dueAt = time.After(attempt.StartedAt, limit);
            if (dueAt > now)
            {
                next = Math.Min(next, dueAt);
                return claimed;
            }

            if (!budget.TryTake(now, callsBegun()))
            {
                next = time.After(budget.NextAt(now), Rounding);
                return claimed;
            }

            if (attempt.TryRelocate(endpoint, now))
            {
                claimed.Add(attempt);
            }
        }

        return claimed;
    }

    private static bool IsStalled(Endpoint endpoint) =>
        endpoint.Health.Deployment is { Reason: OutcomeKind.Stalled, State: EndpointState.Unavailable or EndpointState.Probing } && endpoint.InFlight > 0;
}
