namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>One attempt, as its endpoint sees it.</summary>
internal sealed class ChaosAttempt(int endpoint, double arrived, Trouble trouble)
{
    public int Endpoint { get; } = endpoint;

    public double Arrived { get; } = arrived;

    public Trouble Trouble { get; } = trouble;

    public double? Left { get; set; }

    /// <summary>How often its endpoint had left the configuration when it came.</summary>
    public int DeparturesBefore { get; set; }

    /// <summary>How long it takes until something is said.</summary>
    public double Latency { get; init; }

    public double Gap { get; init; }

    /// <summary>After so many pieces its stream goes wrong, or has no more; the finish counts as one.</summary>
    public int BreaksAfter { get; init; }

    /// <summary>What a rejection's status is.</summary>
    public int Status { get; init; }

    /// <summary>Where the endpoint names a time, the name and the value of the header.</summary>
    public (string Name, string Value)? Hint { get; init; }

    /// <summary>How long the endpoint must not be asked after that, where no header of <see cref="Hint"/> says it.</summary>
    public int? Pause { get; init; }

    /// <summary>Words of the service, in the body.</summary>
    public string Words { get; init; } = "";

    /// <summary>What the answer says besides, of whatever kind it is.</summary>
    public (string Name, string Value)[] Says { get; init; } = [];

    public (string Name, string Value)[] Headers => Hint is { } hint ? [hint, .. Says] : Says;

    public override string ToString() => $"e{Endpoint} {Arrived:0.000}-{Left:0.000} {Trouble}";
}
