namespace AzureOpenAI.Simulator;

internal sealed class ConstantLatency(TimeSpan value) : Latency
{
    public override TimeSpan Sample(Random random) => value;

    public override string ToString() => $"constant {value}";
}
