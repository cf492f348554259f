namespace AzureOpenAI.Simulator;

/// <summary>One resource's source of randomness: the same seed draws the same sequence, whichever thread asks.</summary>
internal sealed class SeededRandom(int seed)
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);

    public TimeSpan Sample(Latency latency)
    {
        if (ReferenceEquals(latency, Latency.None))
        {
            return TimeSpan.Zero;
        }

        lock (_lock)
        {
            return latency.Sample(_random);
        }
    }

    public bool Happens(double probability)
    {
        if (probability >= 1)
        {
            return true;
        }

        lock (_lock)
        {
            return _random.NextDouble() < probability;
        }
    }
}
