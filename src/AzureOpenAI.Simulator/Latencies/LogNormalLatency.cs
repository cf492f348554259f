namespace AzureOpenAI.Simulator;

internal sealed class LogNormalLatency(TimeSpan median, double sigma) : Latency
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    public override TimeSpan Sample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);

        // Box-Muller; 1 - x, since the logarithm of zero is not a number.
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double ticks = median.Ticks * Math.Exp(sigma * normal);
        return ticks < Longest.Ticks ? new TimeSpan((long)ticks) : Longest;
    }

    public override string ToString() => $"log-normal, median {median}, sigma {sigma}";
}
