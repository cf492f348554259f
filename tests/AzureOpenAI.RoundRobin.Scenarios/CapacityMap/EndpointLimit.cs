using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The limit of one endpoint: the simulator's own, that of a standard deployment or that of a provisioned one.</summary>
internal sealed class EndpointLimit
{
    private readonly Limiter? _limiter;
    private readonly UtilizationBucket? _bucket;

    public EndpointLimit(LimiterKind kind, LimitRules rules, IEnumerable<LimitChange> changes, SimulatorClock clock)
    {
        if (kind.IsProvisioned)
        {
            _bucket = new UtilizationBucket(rules.TokensPerMinute!.Value, rules.TokenWindow, changes, clock);
        }
        else
        {
            _limiter = new Limiter(rules, changes, clock);
        }
    }

    public Admission Admit(MapCall call) => _limiter?.Admit(call.Size.Estimate) ?? _bucket!.Admit(call.Size.Estimate);

    /// <summary>How long until the call is admitted, if none comes before it; <see cref="TimeSpan.MaxValue"/> where one that runs must end first.</summary>
    public TimeSpan UntilAdmitted(MapCall call) => _limiter?.UntilAdmitted(call.Size.Estimate) ?? _bucket!.UntilAdmitted();

    /// <summary>The call has ended.</summary>
    public void Leave(MapCall call, Admission admission)
    {
        _limiter?.Leave(admission, call.Size.Estimate, call.Size.Used);
        _bucket?.Correct(call.Size.Estimate, call.Size.Used);
    }
}
