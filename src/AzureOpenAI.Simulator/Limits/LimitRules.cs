namespace AzureOpenAI.Simulator;

/// <summary>What a limiter enforces, whether for one deployment or for a pool of them.</summary>
internal readonly record struct LimitRules(
    int? RequestsPerMinute, TimeSpan RequestWindow, WindowKind RequestWindowKind, int? TokensPerMinute, TimeSpan TokenWindow, WindowKind TokenWindowKind, bool CountRejected)
{
    /// <summary>What a bucket of requests holds, as the time in which the limit admits so many.</summary>
    public TimeSpan RequestBurst { get; init; }

    /// <summary>What a bucket of tokens holds, as the time in which the limit admits so many.</summary>
    public TimeSpan TokenBurst { get; init; }

    /// <summary>The requests that may run at once.</summary>
    public int? MostInFlight { get; init; }

    public static LimitRules Of(DeploymentOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected);

    public static LimitRules Of(QuotaPoolOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected);
}
