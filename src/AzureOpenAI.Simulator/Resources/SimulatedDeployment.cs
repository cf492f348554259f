namespace AzureOpenAI.Simulator;

/// <summary>
/// A deployment at run time: its limits and latencies can be changed while it serves.
/// </summary>
/// <remarks>Safe for concurrent use. A change concerns requests that arrive after it.</remarks>
public sealed class SimulatedDeployment
{
    private readonly Func<ChatRequest, CancellationToken, ValueTask<ChatReply>> _responder;
    private readonly Func<ChatRequest, int> _estimateTokens;
    private readonly QuotaPool? _pool;
    private readonly Limiter _limiter;
    private readonly PromptCache? _promptCache;
    private volatile Latency _latency;
    private volatile Latency _chunkLatency;
    private volatile RetryHint _retryHint;

    internal SimulatedDeployment(DeploymentOptions options, DeploymentDefaults defaults, QuotaPools pools, SimulatorClock clock)
    {
        Name = options.Name;
        Model = options.Model ?? (options.Name == "gpt-4o" ? "gpt-4o-2024-11-20" : options.Name);
        EmbeddingDimensions = options.EmbeddingDimensions;
        StreamFormat = options.StreamFormat;
        SpilloverDeployment = options.SpilloverDeployment;
        _pool = options.QuotaPool is { } pool ? pools[pool] : null;
        Bucket = options.ProvisionedTokensPerMinute is { } tokens ? new UtilizationBucket(tokens, options.UtilizationWindow, options.LimitChanges, clock) : null;
        _limiter = _pool?.Limiter ?? new Limiter(LimitRules.Of(options), Bucket is null ? options.LimitChanges : [], clock);
        _promptCache = options.PromptCacheExpiry is { } expiry ? new PromptCache(expiry, clock) : null;
        _estimateTokens = options.EstimateTokens ?? TokenEstimate.OfChat;
        _responder = options.Responder ?? defaults.Responder;
        _latency = options.Latency ?? defaults.Latency;
        _chunkLatency = options.ChunkLatency;
        _retryHint = options.RetryHint;
    }

    /// <summary>Gets the name of the deployment.</summary>
    public string Name { get; }

    /// <summary>Gets the model that answers report.</summary>
    public string Model { get; }

    /// <summary>Gets or sets the requests admitted per minute; <see langword="null"/> is no limit. What was counted before stays counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is so small that no request fits a window.</exception>
    /// <exception cref="InvalidOperationException">The deployment draws on a quota pool, or has provisioned throughput.</exception>
    public int? RequestsPerMinute
    {
        get => _limiter.RequestsPerMinute;
        set => RequireOwnLimiter().RequestsPerMinute = value;
    }

    /// <summary>Gets or sets the tokens admitted per minute; <see langword="null"/> is no limit. What was counted before stays counted.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive.</exception>
    /// <exception cref="InvalidOperationException">The deployment draws on a quota pool, or has provisioned throughput.</exception>
    public int? TokensPerMinute
    {
        get => _limiter.TokensPerMinute;
        set => RequireOwnLimiter().TokensPerMinute = value;
    }

    /// <summary>Gets or sets the throughput of a provisioned deployment in tokens per minute; that of a standard one is <see langword="null"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive.</exception>
    /// <exception cref="InvalidOperationException">A standard deployment would become provisioned, or a provisioned one standard.</exception>
    public int? ProvisionedTokensPerMinute
    {
        get => Bucket?.TokensPerMinute;
        set
        {
            if (Bucket is null ? value is not null : value is null)
            {
                throw new InvalidOperationException($"Deployment '{Name}' stays {(Bucket is null ? "standard" : "provisioned")} while it exists. Replace it with AddDeployment.");
            }

            if (value is { } tokens)
            {
                ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens, nameof(value));
                Bucket!.TokensPerMinute = tokens;
            }
        }
    }

    /// <summary>Gets the utilisation of a provisioned deployment now, in percent; that of a standard one is <see langword="null"/>. It may be above 100.</summary>
    public double? Utilization => Bucket?.Utilization;

    /// <summary>Gets the name of the quota pool that the deployment draws on, or <see langword="null"/>.</summary>
    public string? QuotaPool => _pool?.Name;

    /// <summary>Gets or sets the time to headers, in a stream to the first event.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public Latency Latency
    {
        get => _latency;
        set => _latency = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>Gets or sets the time between the content events of a stream.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public Latency ChunkLatency
    {
        get => _chunkLatency;
        set => _chunkLatency = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>Gets or sets what rejections say of when to come back.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public RetryHint RetryHint
    {
        get => _retryHint;
        set => _retryHint = value ?? throw new ArgumentNullException(nameof(value));
    }

    internal UtilizationBucket? Bucket { get; }

    internal string? SpilloverDeployment { get; }

    internal StreamFormat StreamFormat { get; }

    internal int EmbeddingDimensions { get; }

    /// <summary>
    /// Enforces a lower token limit for a while, as the service does under load, and says so nowhere but in <c>x-ratelimit-limit-tokens</c>: <see cref="TokensPerMinute"/>
    /// stays as it is, and holds again afterwards. A later call takes the place of an earlier one.
    /// </summary>
    /// <param name="tokensPerMinute">The limit enforced meanwhile; without effect where the configured one is lower.</param>
    /// <param name="duration">How long, from now.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokensPerMinute"/> or <paramref name="duration"/> is not positive.</exception>
    /// <exception cref="InvalidOperationException">The deployment draws on a quota pool, or has provisioned throughput.</exception>
    public void ReduceTokensPerMinute(int tokensPerMinute, TimeSpan duration) => RequireOwnLimiter().Reduce(tokensPerMinute, duration);

    /// <summary>Changes limits at a later time, exactly then. Changes are made in order of time; one made by hand meanwhile is not undone by them.</summary>
    /// <param name="after">When, counted from now.</param>
    /// <param name="requestsPerMinute">The requests admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="tokensPerMinute">The tokens admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="provisionedTokensPerMinute">The throughput of a provisioned deployment from then on, or <see langword="null"/> to leave it.</param>
    /// <exception cref="ArgumentException">The time is negative, nothing is changed, a limit is so small that nothing fits a window, or it is not of this kind of deployment.</exception>
    /// <exception cref="InvalidOperationException">The deployment draws on a quota pool.</exception>
    public void ChangeLimits(TimeSpan after, int? requestsPerMinute = null, int? tokensPerMinute = null, int? provisionedTokensPerMinute = null)
    {
        Schedule(new LimitChange(after, requestsPerMinute, tokensPerMinute, provisionedTokensPerMinute));
    }

    /// <summary>Changes what a neighbour takes of the requests and tokens per minute at a later time, exactly then.</summary>
    /// <param name="after">When, counted from now.</param>
    /// <param name="share">The part that the neighbour takes from then on, from 0 to less than 1; see <see cref="DeploymentOptions.ChangeNeighbour"/>.</param>
    /// <exception cref="ArgumentException">The time is negative, the share is not from 0 to less than 1, or the deployment has provisioned throughput.</exception>
    /// <exception cref="InvalidOperationException">The deployment draws on a quota pool.</exception>
    public void ChangeNeighbour(TimeSpan after, double share) => Schedule(LimitChange.OfNeighbour(after, share));

    /// <summary>Returns the name of the deployment.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    internal ValueTask<ChatReply> RespondAsync(ChatRequest request, CancellationToken cancellationToken) => _responder(request, cancellationToken);

    internal Arrival Admit(IncomingRequest request)
    {
        if (request.Chat is not { } chat)
        {
            int inputs = request.Embeddings!.EstimatedTokens;
            return new(Admit(inputs), inputs, inputs, CachedTokens: 0);
        }

        IReadOnlyList<UInt128> blocks = _promptCache is null ? [] : PromptBlocks.Of(chat);
        int cached = _promptCache?.CountCached(blocks) ?? 0;
        int free = Bucket is null ? 0 : cached;
        int tokens = Math.Max(0, _estimateTokens(chat) - free);
        var admission = Admit(tokens);
        if (admission.Verdict == AdmissionVerdict.Admitted)
        {
            _promptCache?.Keep(blocks);
        }

        return new(admission, tokens, TokenEstimate.OfPrompt(chat) - free, cached);
    }

    /// <summary>A request that was admitted has ended, and used so many tokens.</summary>
    internal void Settle(Arrival arrival, int used)
    {
        if (Bucket is null)
        {
            _limiter.Leave(arrival.Admission, arrival.EstimatedTokens, used);
        }
        else
        {
            Bucket.Correct(arrival.EstimatedTokens, used);
        }
    }

    private Admission Admit(int tokens)
    {
        var admission = Bucket?.Admit(tokens) ?? _limiter.Admit(tokens);
        return admission.Verdict == AdmissionVerdict.Admitted ? admission : admission with { Hint = _retryHint.For(admission.RetryAfter) };
    }

    private void Schedule(LimitChange change)
    {
        if (change.FaultFor(_limiter.Rules, isProvisioned: Bucket is not null) is { } fault)
        {
            throw new ArgumentException($"Deployment '{Name}': {fault}");
        }

        if (Bucket is null)
        {
            RequireOwnLimiter().Schedule(change);
        }
        else
        {
            Bucket.Schedule(change);
        }
    }

    private Limiter RequireOwnLimiter() => Bucket is not null
        ? throw new InvalidOperationException($"Deployment '{Name}' has provisioned throughput. Set ProvisionedTokensPerMinute.")
        : _pool is not null
            ? throw new InvalidOperationException($"Deployment '{Name}' draws on quota pool '{_pool.Name}'. Change the pool, found in the simulator's QuotaPools.")
            : _limiter;
}
