namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>One call as its caller saw it. Times are seconds since the load began.</summary>
/// <param name="Due">When it was to start; what a late start costs counts as waiting.</param>
/// <param name="Ended">When it was over.</param>
/// <param name="Verdict">What it came to.</param>
/// <param name="Exception">What it threw.</param>
internal readonly record struct CallRecord(double Due, double Ended, Verdict Verdict, string? Exception)
{
    /// <summary>Of the prompt.</summary>
    public long Tokens { get; init; }

    /// <summary>Those of them that the service had seen before.</summary>
    public long CachedTokens { get; init; }

    public double Milliseconds => (Ended - Due) * 1000;
}
