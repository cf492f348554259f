namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>How many calls an endpoint admitted per second in the long run, its shut times included.</summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal struct AdmittedPace
{
    /// <summary>After so much time, what was admitted before weighs about a third.</summary>
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(20);

    private double _calls;
    private double _seconds;

    public readonly double PerSecond => _calls / _seconds;

    /// <summary>So many were admitted from one opening to the next.</summary>
    public void Add(int admitted, TimeSpan passed)
    {
        double kept = Math.Exp(-passed / Memory);
        _calls = (_calls * kept) + admitted;
        _seconds = (_seconds * kept) + passed.TotalSeconds;
    }
}
