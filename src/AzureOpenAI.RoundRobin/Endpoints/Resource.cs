namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>An address with its key or credential: what all deployments there share when it cannot be reached or refuses them.</summary>
internal sealed class Resource(string name, TimeProvider time, Func<double> jitter)
{
    public string Name { get; } = name;

    public HealthState Health { get; } = new(time, jitter);

    public override string ToString() => Name;
}
