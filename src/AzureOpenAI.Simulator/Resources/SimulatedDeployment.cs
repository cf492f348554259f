namespace AzureOpenAI.Simulator;

/// <summary>
/// A deployment at run time: its limits and latencies can be changed while it serves.
/// </summary>
/// <remarks>Safe for concurrent use. A change concerns requests that arrive after it.</remarks>
public sealed class SimulatedDeployment
{
    private readonly Func<ChatRequest, CancellationToken, ValueTask<ChatReply>> _responder;
    private readonly Func<ChatRequest, int> _estimateTokens;
    private volatile Latency _latency;
    private volatile Latency _chunkLatency;

    internal SimulatedDeployment(DeploymentOptions options, DeploymentDefaults defaults, SimulatorClock clock)
    {
        Name = options.Name;
        Model = options.Model ?? (options.Name == "gpt-4o" ? "gpt-4o-2024-11-20" : options.Name);
        EmbeddingDimensions = options.EmbeddingDimensions;
        StreamFormat = options.StreamFormat;
        Limiter = new Limiter(options, clock);
        _estimateTokens = options.EstimateTokens ?? TokenEstimate.OfChat;
        _responder = options.Responder ?? defaults.Responder;
        _latency = options.Latency ?? defaults.Latency;
        _chunkLatency = options.ChunkLatency;
    }

    /// <summary>Gets the name of the deployment.</summary>
    public string Name { get; }

    /// <summary>Gets the model that answers report.</summary>
    public string Model { get; }

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

    internal Limiter Limiter { get; }

    internal StreamFormat StreamFormat { get; }

    internal int EmbeddingDimensions { get; }

    /// <summary>Returns the name of the deployment.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => Name;

    internal ValueTask<ChatReply> RespondAsync(ChatRequest request, CancellationToken cancellationToken) => _responder(request, cancellationToken);

    internal int EstimateTokens(ChatRequest request) => Math.Max(0, _estimateTokens(request));
}
