using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

internal sealed partial class ChaosRun
{
    private const double LongestHealing = 1500;

    /// <summary>A learned limit that is just what comes is kept, and hinders nobody.</summary>
    private const double LongestHoldingBack = 300;

    private const int MostCollections = 200;

    private async Task HealAsync()
    {
        IsHealing = true;
        if (Plan.Members != ChaosMembers.ReadyMadeGenerators)
        {
            Reload(null);
        }

        double until = Time.Seconds + LongestHealing;
        double perSecond = Math.Min(1 + (Plan.Models.Length * 0.2 * Plan.Endpoints.Length), Plan.Endpoints.Sum(endpoint => (endpoint.RequestsPerMinute ?? 6000) / 240.0));
        List<Task> pending = [];
        while (!IsWell(until))
        {
            if (Time.Seconds > until)
            {
                Record.Report($"After {LongestHealing} s of peace: {string.Join("; ", Pool.Endpoints.Where(endpoint => !endpoint.Health.IsHealthy || endpoint.Hints.IsNear).Select(Describe))}.");
                return;
            }

            for (int i = 0; i < 20; i++)
            {
                await Time.WaitAsync(Draw.Exponential(1 / perSecond));
                pending.Add(CallAsync(isPlain: true));
            }

            pending.RemoveAll(task => task.IsCompleted);
        }

        await Task.WhenAll(pending);
        CheckIdle();
        IsHealed = true;
        await CheckSpreadAsync();
    }

    private string Describe(Endpoint endpoint) =>
        $"{endpoint.Name}/{endpoint.DeploymentName} of tier {endpoint.Priority} {endpoint.Health.Deployment.State} {endpoint.Health.Deployment.Reason}, its resource {endpoint.Resource.Health.State} {endpoint.Resource.Health.Reason}, "
        + $"{(endpoint.HasRoom(Time.GetTimestamp()) ? "may" : "may not")} be asked,  {endpoint.InFlight} in flight{(endpoint.Capacity.PerSecond is { } perSecond ? $", {perSecond:0.00} a second" : "")}{(endpoint.Hints.IsNear ? ", near its limit" : "")}";

    /// <summary>A worse tier is not asked while the best is well, so its return may take as long as that.</summary>
    private bool IsWell(double until)
    {
        int best = Plan.Endpoints.Min(endpoint => endpoint.Priority);
        return Pool.Endpoints.All(endpoint => (endpoint.Priority == best ? endpoint.Health.IsHealthy : endpoint.Health.State != EndpointState.Unavailable) && !endpoint.Hints.IsNear && endpoint.Capacity.PausedUntil <= Time.GetTimestamp())
            && (Time.Seconds > until - LongestHealing + LongestHoldingBack || !Pool.Endpoints.Any(endpoint => endpoint.Capacity.HasPace));
    }

    private async Task CheckSpreadAsync()
    {
        ChaosEndpoint[] best = [.. _endpoints.Where(endpoint => endpoint.Plan.Priority == Plan.Endpoints.Min(plan => plan.Priority))];
        if (Plan.HasAffinity || Pool.DefaultPicker.Rotation.Lagging.Length > 0 || Pool.Endpoints.Any(endpoint => endpoint.Capacity.IsLimited))
        {
            return;
        }

        int[] before = [.. best.Select(endpoint => endpoint.Arrivals)];
        int sum = best.Sum(endpoint => endpoint.Plan.Weight);
        for (int i = 0; i < 3 * sum; i++)
        {
            await CallAsync(isPlain: true, model: "");
        }

        int[] had = [.. best.Select((endpoint, i) => endpoint.Arrivals - before[i])];
        if (!best.Select(endpoint => 3 * endpoint.Plan.Weight).SequenceEqual(had) && Pool.DefaultPicker.Rotation.Lagging.Length == 0)
        {
            Record.Report($"In peace the weights {string.Join(' ', best.Select(endpoint => endpoint.Plan.Weight))} had the turns {string.Join(' ', had)}.");
        }
    }

    private void CheckIdle()
    {
        if (_dropped.Count > 0)
        {
            _dropped.Clear();
            // What the finalizers begin goes on elsewhere.
            for (int i = 0; i < MostCollections && Pool.CountRunning() > 0; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                Thread.Yield();
            }
        }

        int inFlight = Pool.Endpoints.Sum(endpoint => endpoint.InFlight);
        int running = Pool.GetStatus().Sum(status => status.InFlight);
        int atEndpoints = _endpoints.Sum(endpoint => endpoint.Running);
        if (inFlight + running + atEndpoints + Pool.WaitingCalls + Time.Line.Count + _calls.Count > 0)
        {
            Record.Report($"When all is over {inFlight} are in flight, {running} run, {atEndpoints} are at endpoints, {Pool.WaitingCalls} wait, {Time.Line.Count} stand in line, {_calls.Count} calls are open.");
        }
    }
}
