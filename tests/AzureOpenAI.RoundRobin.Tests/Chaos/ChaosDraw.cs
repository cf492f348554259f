namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What is drawn by lot, the same for a seed on every machine and runtime.</summary>
internal sealed class ChaosDraw(ulong seed)
{
    private ulong _state = seed;

    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    public bool Chance(double probability) => Unit() < probability;

    public int Below(int bound) => (int)(Unit() * bound);

    public double Between(double least, double most) => least + (Unit() * (most - least));

    public T Of<T>(params ReadOnlySpan<T> choices) => choices[Below(choices.Length)];

    public double LogNormal(double median, double sigma) =>
        median * Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit()));

    /// <summary>The next gap of arrivals that come so often on average.</summary>
    public double Exponential(double mean) => -mean * Math.Log(1 - Unit());

    /// <summary>SplitMix64.</summary>
    private ulong Next()
    {
        ulong mixed = unchecked(_state += 0x9E3779B97F4A7C15);
        mixed = unchecked((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9);
        mixed = unchecked((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB);
        return mixed ^ (mixed >> 31);
    }
}
