namespace AzureOpenAI.Simulator;

/// <summary>What the limiter, or the bucket of a provisioned deployment, said of one request.</summary>
internal sealed class Admission
{
    public static Admission Unlimited { get; } = new() { Verdict = AdmissionVerdict.Admitted };

    public required AdmissionVerdict Verdict { get; init; }

    public TimeSpan RetryAfter { get; init; }

    public LimitReading? Requests { get; init; }

    public LimitReading? Tokens { get; init; }

    /// <summary>The utilisation of a provisioned deployment in percent, this request included if it was admitted.</summary>
    public double? Utilization { get; init; }
}
