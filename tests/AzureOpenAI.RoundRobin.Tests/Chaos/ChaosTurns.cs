using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Whose turn it is: nobody overtakes a line, a worse tier takes over only what a better one has no room for, and no endpoint that could answer is left out.</summary>
internal sealed class ChaosTurns(ChaosRun run)
{
    private const double LongestLeftOut = 120;

    /// <summary>One that is slow has a turn in 32.</summary>
    private const int MostPassedOver = 100;

    private readonly Dictionary<ChaosEndpoint, (double Since, int Calls)> _leftOut = [];

    /// <summary>How many calls a worse tier took over.</summary>
    public int Spilled { get; private set; }

    public void Check(ChaosCall call, ChaosEndpoint endpoint)
    {
        run.Record.Attempts++;
        if (run.Time.Line.IsReleasing)
        {
            call.HasWaited = true;
        }
        else
        {
            run.Check(call.HasWaited || !run.Time.Line.StandsIn(call.Picker!), call, "did not go to the end of the line");
        }

        if (call.Attempts.Count == 0)
        {
            CheckTier(call, endpoint);
            CheckLeftOut(call, endpoint);
        }
    }

    /// <summary>With another configuration everybody begins anew.</summary>
    public void Forget() => _leftOut.Clear();

    private void CheckTier(ChaosCall call, ChaosEndpoint endpoint)
    {
        Endpoint[] group = call.Picker!.Endpoints;
        if (call.HasWaited || Array.Find(group, member => member.Name == endpoint.Name) is not { } asked)
        {
            // Whoever is let go from a line was given its place when all of the line was, and much may have come well since.
            return;
        }

        Endpoint? better = Array.Find(group, member =>
            member.Priority < asked.Priority && member.Health.IsHealthy && member.HasRoom(run.Time.GetTimestamp()) && !member.Capacity.IsLimited && !member.Hints.IsNear);
        run.Check(better is null, call, $"came to {endpoint.Name} of tier {asked.Priority}, though {better?.Name} of tier {better?.Priority} was fit");
        Spilled += Array.Exists(group, member => member.Priority < asked.Priority) ? 1 : 0;
    }

    /// <summary>An endpoint that nothing befalls but that it has no room now and then is asked again and again, while others are.</summary>
    private void CheckLeftOut(ChaosCall call, ChaosEndpoint endpoint)
    {
        if (run.Plan.HasAffinity || run.Plan.Suspensions.Length > 0 || call.Model.Length > 0 || call.Conversation is not null)
        {
            return;
        }

        _leftOut.Remove(endpoint);
        int weights = run.Plan.Endpoints.Sum(plan => plan.Weight);
        foreach (ChaosEndpoint other in run.Endpoints)
        {
            if (other == endpoint || !other.Plan.IsSteady || !other.IsMember || Priority(other) > Priority(endpoint))
            {
                continue;
            }

            (double since, int calls) = _leftOut.GetValueOrDefault(other, (run.Time.Seconds, 0));
            _leftOut[other] = (since, calls + 1);
            if (run.Time.Seconds - since > LongestLeftOut && calls > MostPassedOver * weights)
            {
                run.Record.Report($"{other.Name} was left out for {run.Time.Seconds - since:0.000} s, while {calls} calls went elsewhere.");
                _leftOut.Remove(other);
            }
        }
    }

    private int Priority(ChaosEndpoint endpoint) => run.Pool.Endpoints.FirstOrDefault(member => member.Name == endpoint.Name)?.Priority ?? int.MaxValue;
}
