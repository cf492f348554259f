namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>The simulated resources of one cell of the table, with all that will happen to them. Sent to the server process as JSON.</summary>
internal sealed record FleetSpec(IReadOnlyList<ResourceSpec> Resources, int Seed);

/// <summary>One resource, and its script. Times are seconds after the load begins, on the server's clock.</summary>
internal sealed record ResourceSpec(string Name)
{
    /// <summary>Requests a second, judged over windows that are aligned with the beginning, if they are fixed; null for no limit.</summary>
    public int? PerSecond { get; init; }

    /// <summary>Tokens a second, by the estimate of what a request may cost; judged over windows of the same length.</summary>
    public int? TokensPerSecond { get; init; }

    public double WindowSeconds { get; init; } = 1;

    /// <summary>Windows slide, and count what they admitted; else they are fixed, and count what they rejected too.</summary>
    public bool Slides { get; init; }

    /// <summary>Provisioned: so many tokens a second drain from a bucket that holds one second of them; each answer costs <see cref="Fleet.TokensEach"/>.</summary>
    public int? ProvisionedTokensPerSecond { get; init; }

    /// <summary>The cost is known on arrival, so a rejection asks for some milliseconds only; else it shows in the end, and rejections ask for more.</summary>
    public bool KnowsCost { get; init; }

    /// <summary>The same resource's other deployment takes what the provisioned one cannot, up to so many tokens a second.</summary>
    public int? SpilloverTokensPerSecond { get; init; }

    /// <summary>Which is asked first, for a client that can be told.</summary>
    public int Priority { get; init; }

    /// <summary>Changes of <see cref="PerSecond"/>: when, and to how many.</summary>
    public IReadOnlyList<LimitStep> Steps { get; init; } = [];

    /// <summary>What becomes of the x-ratelimit headers on its answers.</summary>
    public RateLimitHeaders Headers { get; init; }

    /// <summary>It keeps the prompts that it has seen.</summary>
    public bool HasPromptCache { get; init; }

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

internal sealed record LimitStep(double At, int PerSecond);

internal enum RateLimitHeaders
{
    /// <summary>As the service sends them.</summary>
    True,

    Absent,

    /// <summary>Nothing left, on every answer.</summary>
    Zero,

    /// <summary>Minus one, garbage, and a reset in another format.</summary>
    Odd,
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
