namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>An address with its key or credential. All its deployments share its health: whether it can be reached, and accepts the key.</summary>
internal sealed class Resource(string name, TimeProvider time, Func<double> jitter)
{
    public string Name { get; } = name;

    public HealthState Health { get; } = new(time, jitter);

    public override string ToString() => Name;
}
