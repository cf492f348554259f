namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>One call in simulated time. All times are seconds.</summary>
internal readonly record struct SimulatedCall(int Number, double Due, double Ended, double Own, bool Answered, bool Right, string? Exception)
{
    /// <summary>In how many seconds an endpoint would be fit, as the refusal said.</summary>
    public double? Estimate { get; init; }

    public double Took => Ended - Due;

    /// <summary>What the call took beyond the answer's own time.</summary>
    public double Extra => Took - Own;
}
