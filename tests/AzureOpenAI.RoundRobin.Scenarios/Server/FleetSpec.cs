namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>The simulated resources of one cell of the table, with all that will happen to them. Sent to the server process as JSON.</summary>
internal sealed record FleetSpec(IReadOnlyList<ResourceSpec> Resources, int Seed);

/// <summary>One resource, and its script. Times are seconds after the load begins, on the server's clock.</summary>
internal sealed record ResourceSpec(string Name)
{
    /// <summary>Requests a second, judged over windows of one second that are aligned with the beginning; null for no limit.</summary>
    public int? PerSecond { get; init; }

    public double MedianMilliseconds { get; init; } = 60;

    /// <summary>With a median of 60 ms, 135 ms at the 99th percentile.</summary>
    public double Sigma { get; init; } = 0.349;

    /// <summary>The client is given a key that this resource does not accept.</summary>
    public bool WrongKey { get; init; }

    /// <summary>The deployment that clients ask for does not exist here.</summary>
    public bool LacksDeployment { get; init; }

    public IReadOnlyList<FaultSpec> Faults { get; init; } = [];

    /// <summary>When it begins to refuse connections, and for how long; a negative beginning means before the load.</summary>
    public double? RefusesAt { get; init; }

    public double RefusesFor { get; init; } = double.PositiveInfinity;

    /// <summary>Counted apart in the table.</summary>
    public bool IsBad { get; init; }
}

internal enum FaultName
{
    Status,
    Throttle,
    NeverAnswer,
    Cut,
    End,
    ErrorEvent,
}

/// <summary>A fault from the simulator's repertoire.</summary>
/// <param name="Name">Which.</param>
/// <param name="Value">The status, the seconds to stay away, or the number of events before it strikes.</param>
/// <param name="Probability">Of each request.</param>
internal sealed record FaultSpec(FaultName Name, double Value = 0, double Probability = 1)
{
    public double StartsAt { get; init; }

    public double LastsFor { get; init; } = 3600;
}
