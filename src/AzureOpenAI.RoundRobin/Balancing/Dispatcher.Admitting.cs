using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

internal sealed partial class Dispatcher
{
    /// <summary>The endpoint took the call: it is admitted, though not yet answered.</summary>
    /// <param name="attempt">The attempt that runs.</param>
    /// <param name="withContent">Whether it has content; where errors put the endpoint out, a beginning without any proves nothing.</param>
    public void Admitted(Attempt attempt, bool withContent = true)
    {
        if (attempt.Endpoint.IsClean && (!attempt.HoldsPermit || attempt.IsAdmitted))
        {
            return;
        }

        lock (_lock)
        {
            long now = _time.GetTimestamp();
            _dirty |= attempt.Endpoint.Hints.Take(now);
            if (withContent || !IsOutForErrors(attempt.Endpoint))
            {
                AdmitUnsynchronized(attempt, now, completed: false);
            }

            ReviveUnsynchronized(attempt, now);
            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    private static bool IsOutForErrors(Endpoint endpoint) =>
        endpoint.Resource.Health is { Condition: not Condition.Fit, Reason: OutcomeKind.Fault or OutcomeKind.Broken };

    private void TakeBack(Attempt attempt)
    {
        lock (_lock)
        {
            long now = _time.GetTimestamp();
            AdmitUnsynchronized(attempt, now, completed: true);
            _dirty |= attempt.Endpoint.Hints.Take(now) | attempt.Endpoint.Capacity.HoldsBack;
            ReviveUnsynchronized(attempt, now);
            SucceededUnsynchronized(attempt.Endpoint.Health, attempt.Generation);
            SucceededUnsynchronized(attempt.Endpoint.Resource.Health, attempt.Generation);
            SettleUnsynchronized(now);
        }

        FinishOutside();
    }

    private static void SucceededUnsynchronized(Health health, int generation)
    {
        if (generation >= health.StruckAt)
        {
            health.Succeeded();
        }
    }

    private void AdmitUnsynchronized(Attempt attempt, long now, bool completed)
    {
        if (!attempt.HoldsPermit || attempt.IsAdmitted
            || (!completed && (attempt.Endpoint.Health.NeedsCompletion || attempt.Endpoint.Resource.Health.NeedsCompletion)))
        {
            return;
        }

        attempt.IsAdmitted = true;
        _unadmitted.Remove(attempt);
        _dirty = true;
        if (attempt.HoldsOwnPermit && attempt.Generation >= attempt.Endpoint.Health.StruckAt)
        {
            attempt.Endpoint.Health.Admit(now);
            if (attempt.Endpoint.Health is { Condition: Condition.Returning, Reason: OutcomeKind.RateLimited } && attempt.Endpoint.Capacity.Admitted())
            {
                attempt.Endpoint.Health.Reopen(now);
            }
        }

        AdmitResourceUnsynchronized(attempt, now);
    }

    private void AdmitResourceUnsynchronized(Attempt attempt, long now)
    {
        if (attempt.HoldsResourcePermit && attempt.Generation >= attempt.Endpoint.Resource.Health.StruckAt)
        {
            attempt.Endpoint.Resource.Health.Admit(now);
            _dirty = true;
        }

        attempt.HoldsResourcePermit = false;
        if (!attempt.HoldsOwnPermit)
        {
            _unadmitted.Remove(attempt);
        }
    }

    private void ReturnPermitsUnsynchronized(Attempt attempt)
    {
        if (!attempt.HoldsPermit)
        {
            return;
        }

        _unadmitted.Remove(attempt);
        if (!attempt.IsAdmitted)
        {
            if (attempt.HoldsOwnPermit && attempt.Generation >= attempt.Endpoint.Health.StruckAt)
            {
                attempt.Endpoint.Health.ReturnPermit();
            }

            if (attempt.HoldsResourcePermit && attempt.Generation >= attempt.Endpoint.Resource.Health.StruckAt)
            {
                attempt.Endpoint.Resource.Health.ReturnPermit();
            }
        }

        attempt.HoldsOwnPermit = false;
        attempt.HoldsResourcePermit = false;
        _dirty = true;
    }
}
