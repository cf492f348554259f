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
        Limiter = new Limiter(LimitRules.Of(options), options.LimitChanges, clock);
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

    /// <summary>Changes limits at a later time, exactly then. Changes are made in order of time; one made by hand meanwhile is not undone by them.</summary>
    /// <param name="after">When, counted from now.</param>
    /// <param name="requestsPerMinute">The requests admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="tokensPerMinute">The tokens admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <exception cref="ArgumentException">The time is negative, nothing is changed, or a limit is so small that nothing fits a window.</exception>
    public void ChangeLimits(TimeSpan after, int? requestsPerMinute = null, int? tokensPerMinute = null)
    {
        Schedule(new LimitChange(after, requestsPerMinute, tokensPerMinute, null));
    }

    /// <summary>Changes what a neighbour takes of the requests and tokens per minute at a later time, exactly then.</summary>
    /// <param name="after">When, counted from now.</param>
    /// <param name="share">The part that the neighbour takes from then on, from 0 to less than 1; see <see cref="QuotaPoolOptions.ChangeNeighbour"/>.</param>
    /// <exception cref="ArgumentException">The time is negative, or the share is not from 0 to less than 1.</exception>
    public void ChangeNeighbour(TimeSpan after, double share) => Schedule(LimitChange.OfNeighbour(after, share));

    /// <summary>Returns the name of the pool.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    private void Schedule(LimitChange change)
    {
        if (change.FaultFor(Limiter.Rules, isProvisioned: false) is { } fault)
        {
            throw new ArgumentException($"Quota pool '{Name}': {fault}");
        }

        Limiter.Schedule(change);
    }
}
