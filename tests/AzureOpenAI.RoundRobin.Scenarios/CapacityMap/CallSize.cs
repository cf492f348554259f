namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The tokens of one call: what it asks for, and what it uses.</summary>
internal readonly record struct CallSize(int Estimate, int Used)
{
    private const double MedianEstimate = 600;
    private const double Sigma = 0.8;
    private const int MostEstimate = 6000;

    /// <summary>About the mean of log-normal sizes with that median and sigma.</summary>
    public const double MeanEstimate = 820;

    public const double MeanUsed = MeanEstimate / 2;

    /// <summary>Log-normal estimates, of which 30 to 70 % are used.</summary>
    public static CallSize Next(Random random)
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        double estimate = Math.Clamp(MedianEstimate * Math.Exp(Sigma * Normal.Next(random)), 1, MostEstimate);
        return new CallSize((int)Math.Ceiling(estimate), (int)Math.Ceiling(estimate * (0.3 + (0.4 * random.NextDouble()))));
#pragma warning restore CA5394
    }
}
