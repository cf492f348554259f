namespace AzureOpenAI.Simulator;

/// <summary>What the limiter said of one request.</summary>
internal sealed class Admission
{
    public static Admission Unlimited { get; } = new() { Verdict = AdmissionVerdict.Admitted };

    public required AdmissionVerdict Verdict { get; init; }

    public TimeSpan RetryAfter { get; init; }

    public LimitReading? Requests { get; init; }

    public LimitReading? Tokens { get; init; }
}
