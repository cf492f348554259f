namespace AzureOpenAI.Simulator;

internal sealed class UniformLatency(TimeSpan minimum, TimeSpan maximum) : Latency
{
    public override TimeSpan Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        return minimum + ((maximum - minimum) * random.NextDouble());
    }

    public override string ToString() => $"uniform {minimum} to {maximum}";
}
