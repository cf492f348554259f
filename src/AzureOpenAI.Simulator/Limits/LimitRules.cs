namespace AzureOpenAI.Simulator;

/// <summary>What a limiter enforces, whether for one deployment or for a pool of them.</summary>
internal readonly record struct LimitRules(
    int? RequestsPerMinute, TimeSpan RequestWindow, WindowKind RequestWindowKind, int? TokensPerMinute, TimeSpan TokenWindow, WindowKind TokenWindowKind, bool CountRejected)
{
    public static LimitRules Of(DeploymentOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected);

    public static LimitRules Of(QuotaPoolOptions options) =>
        new(options.RequestsPerMinute, options.RequestWindow, options.RequestWindowKind, options.TokensPerMinute, options.TokenWindow, options.TokenWindowKind, options.CountRejected);
}
