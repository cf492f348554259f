namespace AzureOpenAI.Simulator;

/// <summary>What the limiter, or the bucket of a provisioned deployment, said of one request.</summary>
internal sealed record Admission
{
    public static Admission Unlimited { get; } = new() { Verdict = AdmissionVerdict.Admitted };

    public required AdmissionVerdict Verdict { get; init; }

    /// <summary>When the request came, as the limiter counts time; it says what the request was charged to.</summary>
    public TimeSpan At { get; init; }

    /// <summary>How long until a rejected request would be admitted, if none came before it; <see langword="null"/> where one that runs must end first.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>What a rejection says of it.</summary>
    public RetryHeaders Hint { get; init; }

    public LimitReading? Requests { get; init; }

    public LimitReading? Tokens { get; init; }

    /// <summary>The utilisation of a provisioned deployment in percent, this request included if it was admitted.</summary>
    public double? Utilization { get; init; }
}
