namespace AzureOpenAI.Simulator;

/// <summary>
/// A limit that several deployments share, at run time: it can be changed while they serve.
/// </summary>
/// <remarks>Safe for concurrent use. A change concerns requests that arrive after it.</remarks>
public sealed class QuotaPool
{
    internal QuotaPool(QuotaPoolOptions options, SimulatorClock clock)
    {
        Name = options.Name;
        Limiter = new Limiter(LimitRules.Of(options), clock);
    }

    /// <summary>Gets the name of the pool.</summary>
    public string Name { get; }

    /// <summary>Gets or sets the requests admitted per minute; <see langword="null"/> is no limit. What was counted before stays counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is so small that no request fits a window.</exception>
    public int? RequestsPerMinute
    {
        get => Limiter.RequestsPerMinute;
        set => Limiter.RequestsPerMinute = value;
    }

    /// <summary>Gets or sets the tokens admitted per minute; <see langword="null"/> is no limit. What was counted before stays counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive.</exception>
    public int? TokensPerMinute
    {
        get => Limiter.TokensPerMinute;
        set => Limiter.TokensPerMinute = value;
    }

    internal Limiter Limiter { get; }

    /// <summary>
    /// Enforces a lower token limit for a while, as the service does under load, and says so nowhere but in <c>x-ratelimit-limit-tokens</c>: <see cref="TokensPerMinute"/>
    /// stays as it is, and holds again afterwards. A later call takes the place of an earlier one.
    /// </summary>
    /// <param name="tokensPerMinute">The limit enforced meanwhile; without effect where the configured one is lower.</param>
    /// <param name="duration">How long, from now.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokensPerMinute"/> or <paramref name="duration"/> is not positive.</exception>
    public void ReduceTokensPerMinute(int tokensPerMinute, TimeSpan duration) => Limiter.Reduce(tokensPerMinute, duration);

    /// <summary>Returns the name of the pool.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;
}
