namespace AzureOpenAI.Simulator;

/// <summary>What a limiter enforces, whether for one deployment or for a pool of them.</summary>
internal readonly record struct LimitRules(
    int? RequestsPerMinute, TimeSpan RequestWindow, WindowKind RequestWindowKind, int? TokensPerMinute, TimeSpan TokenWindow, WindowKind TokenWindowKind, bool CountRejected)
{
    /// <summary>The requests that may run at once.</summary>
    public int? MaxRequestsInFlight { get; init; }

    /// <summary>When a request ends, the tokens that were estimated for it are replaced by those that it used.</summary>
    public bool CorrectTokens { get; init; }

    public bool LimitsAnything => RequestsPerMinute is not null || TokensPerMinute is not null || MaxRequestsInFlight is not null;

    public static LimitRules Of(DeploymentOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected)
        {
            MaxRequestsInFlight = options.MaxRequestsInFlight,
            CorrectTokens = options.CorrectTokens,
        };

    public static LimitRules Of(QuotaPoolOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected)
        {
            MaxRequestsInFlight = options.MaxRequestsInFlight,
            CorrectTokens = options.CorrectTokens,
        };
}
