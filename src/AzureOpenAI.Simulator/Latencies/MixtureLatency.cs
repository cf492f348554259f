namespace AzureOpenAI.Simulator;

internal sealed class MixtureLatency(Latency usual, Latency rare, double probability) : Latency
{
    public override TimeSpan Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return (random.NextDouble() < probability ? rare : usual).Sample(random);
    }

    public override string ToString() => $"{usual}; with probability {probability}: {rare}";
}
