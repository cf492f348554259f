namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The calls that an endpoint admitted per second in the long run, including the times when its window was shut.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal struct AdmittedPace
{
    /// <summary>The time after which older admissions weigh 1/e, about a third.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(20);

    private double _calls;
    private double _seconds;

    public readonly double PerSecond => _calls / _seconds;

    /// <summary>Adds the calls that were admitted from one opening of the window to the next.</summary>
    public void Add(int admitted, TimeSpan passed)
    {
        double kept = Math.Exp(-passed / Memory);
        _calls = (_calls * kept) + admitted;
        _seconds = (_seconds * kept) + passed.TotalSeconds;
    }
}
