using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Judges a call that has waited longer than any recent answer can explain, while another endpoint has answered a younger one: it is relocated. The second such call at an
/// endpoint that has answered none between says that the endpoint has stalled. It needs no minimum of calls in flight, so it holds at a few calls a minute too.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class AgedCalls(TimeProvider time, AgeWatch ages, RetryBudget budget, Func<uint> callsBegun)
{
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
        if (attempt.Endpoint is not { } endpoint || !IsAged(attempt, now) || !HasYoungerAnswer(endpoint, number, members) || !budget.TryTake(now, callsBegun()))
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
        && ages.Limit is { } limit && time.After(attempt.StartedAt, limit) <= now
        && (attempt.Received is not { LastAt: > long.MinValue } received || time.After(received.LastAt, limit) <= now);

    /// <summary>Another endpoint of the same model has answered a call that began later.</summary>
    private bool HasYoungerAnswer(Endpoint endpoint, uint number, PoolMembers members)
    {
        uint latest = callsBegun();
        List<uint> younger = [];
        foreach (Picker picker in members.Pickers)
        {
            if (picker.Endpoints.Contains(endpoint))
            {
                foreach (Endpoint other in picker.Endpoints)
                {
                    if (other != endpoint)
                    {
                        other.ResponseTimes.AddAges(latest, latest - number, younger);
                    }
                }
            }
        }

        return younger.Count > 0;
    }
}
