namespace AzureOpenAI.Simulator;

/// <summary>
/// Describes one deployment of a simulated resource. Any deployment answers chat calls and embeddings.
/// </summary>
/// <remarks>Read once, when the deployment is made; later changes are not observed. Not safe for concurrent use.</remarks>
public sealed class DeploymentOptions
{
    internal DeploymentOptions(string name) => Name = name;

    /// <summary>Gets the name of the deployment.</summary>
    public string Name { get; }

    /// <summary>Gets or sets the model that answers report.</summary>
    /// <value>The default, <see langword="null"/>, is <c>gpt-4o-2024-11-20</c> for a deployment named <c>gpt-4o</c>, else the deployment's name.</value>
    public string? Model { get; set; }

    /// <summary>Gets or sets the requests admitted per minute. They are judged over <see cref="RequestWindow"/>.</summary>
    /// <value>The default, <see langword="null"/>, is no limit.</value>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Gets or sets the window over which requests are judged. It admits <c>RequestsPerMinute * window / 1 minute</c> of them, rounded down.</summary>
    /// <value>The default is 10 seconds; the service also uses 1 second. At most 60 seconds.</value>
    public TimeSpan RequestWindow { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Gets or sets how requests are judged over the window.</summary>
    /// <value>The default is <see cref="WindowKind.Fixed"/>.</value>
    public WindowKind RequestWindowKind { get; set; }

    /// <summary>Gets or sets the tokens admitted per minute, by the estimate made on arrival.</summary>
    /// <value>The default, <see langword="null"/>, is no limit.</value>
    public int? TokensPerMinute { get; set; }

    /// <summary>Gets or sets the window over which tokens are judged. It admits <c>TokensPerMinute * window / 1 minute</c> of them, rounded down.</summary>
    /// <value>The default is 1 minute, as at the service. A shorter one makes a test shorter. At most 60 seconds.</value>
    public TimeSpan TokenWindow { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Gets or sets how tokens are judged over the window.</summary>
    /// <value>The default is <see cref="WindowKind.Fixed"/>.</value>
    public WindowKind TokenWindowKind { get; set; }

    /// <summary>Gets or sets a value indicating whether rejected requests count against the limits, as they do at the service.</summary>
    /// <remarks>In a bucket they take the room that there is, and no more.</remarks>
    /// <value>The default is <see langword="true"/>.</value>
    public bool CountRejected { get; set; } = true;

    /// <summary>Gets or sets the requests that may run at once, from arrival until the last byte is sent. One more is rejected; how long until room is not known then.</summary>
    /// <value>The default, <see langword="null"/>, is no limit.</value>
    public int? MaxRequestsInFlight { get; set; }

    /// <summary>
    /// Gets or sets a value indicating whether the tokens of a request, which are estimated when it arrives, are corrected when it ends, to those that its answer reports, or to
    /// its prompt where there was no answer. What no longer counts when the request ends is not corrected; a bucket always is.
    /// </summary>
    /// <value>The default is <see langword="false"/>: the estimate stays, as at the service.</value>
    public bool CorrectTokens { get; set; }

    /// <summary>Gets or sets what rejections say of when to come back, those of a quota pool and of provisioned throughput too.</summary>
    /// <value>The default is <see cref="RetryHint.Exact"/>.</value>
    public RetryHint RetryHint { get; set; } = RetryHint.Exact;

    /// <summary>Gets or sets the name of the quota pool that the deployment draws on instead of limits of its own.</summary>
    /// <value>The default, <see langword="null"/>, is none. Pools are added with <see cref="SimulatorOptions.AddQuotaPool"/>.</value>
    public string? QuotaPool { get; set; }

    /// <summary>
    /// Gets or sets the throughput, in tokens per minute, of a deployment with provisioned throughput (PTU): it is limited by its utilisation, in place of requests and
    /// tokens per minute, and answers with <c>azure-openai-deployment-utilization</c> in place of <c>x-ratelimit</c> headers.
    /// </summary>
    /// <remarks>
    /// A leaky bucket. On arrival a request adds its estimated tokens, less those that the prompt cache holds, if utilisation is at most 100 %; else it is rejected at once
    /// with 429 and the exact time until utilisation is 100 % again. Tokens drain continuously. When the request ends, its estimate is corrected to what it used;
    /// one that ends without an answer used its prompt. Source: Microsoft Learn, "Provisioned throughput" and "Get started with provisioned deployments".
    /// </remarks>
    /// <value>The default, <see langword="null"/>, is a standard deployment. At the service it is the number of PTUs times what one of them gives for the model.</value>
    public int? ProvisionedTokensPerMinute { get; set; }

    /// <summary>Gets or sets how much work makes a provisioned deployment's utilisation 100 %: what its throughput drains in this time.</summary>
    /// <value>The default is 1 minute. At most 1 hour. The service does not say what it uses; a shorter time allows shorter bursts.</value>
    public TimeSpan UtilizationWindow { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Gets or sets the standard deployment of the same resource that serves when this provisioned one answers 429, 500 or 503. It wins over the request header
    /// <c>x-ms-spillover-deployment</c>.
    /// </summary>
    /// <remarks>
    /// An answer that was spilled over carries <c>x-ms-spillover-from-deployment</c> and <c>x-ms-deployment-name</c>. If the target fails too, the client receives the answer
    /// of the provisioned deployment and the target's status in <c>x-ms-spillover-error</c>. Source: Microsoft Learn, "Manage traffic with spillover for provisioned deployments".
    /// </remarks>
    /// <value>The default, <see langword="null"/>, leaves it to the request.</value>
    public string? SpilloverDeployment { get; set; }

    /// <summary>Gets or sets how long after its last use a prompt stays in the deployment's prompt cache.</summary>
    /// <remarks>
    /// The first 1,024 tokens of the messages must be the same, then the cached part grows in steps of 128 tokens; tools, response format, roles and
    /// <c>prompt_cache_key</c> must be the same too. A prompt is cached when it is admitted. Answers report it as <c>cached_tokens</c>, unless the responder sets
    /// <see cref="ChatReply.Usage"/>. Source: Microsoft Learn, "Prompt caching".
    /// </remarks>
    /// <value>The default, <see langword="null"/>, caches nothing. At most 24 hours; the service clears its caches within that time.</value>
    public TimeSpan? PromptCacheExpiry { get; set; }

    /// <summary>Gets or sets what estimates the tokens of a chat call on arrival.</summary>
    /// <value>The default, <see langword="null"/>, is one token per four characters of prompt, rounded up, plus the tokens asked for, or 16.</value>
    public Func<ChatRequest, int>? EstimateTokens { get; set; }

    /// <summary>Gets or sets the time to headers, in a stream to the first event.</summary>
    /// <value>The default, <see langword="null"/>, is that of the resource.</value>
    public Latency? Latency { get; set; }

    /// <summary>Gets or sets the time between the content events of a stream.</summary>
    /// <value>The default is <see cref="Simulator.Latency.None"/>.</value>
    public Latency ChunkLatency { get; set; } = Simulator.Latency.None;

    /// <summary>Gets or sets what answers chat calls.</summary>
    /// <value>The default, <see langword="null"/>, leaves it to <see cref="ResourceOptions.Responder"/>.</value>
    public Func<ChatRequest, CancellationToken, ValueTask<ChatReply>>? Responder { get; set; }

    /// <summary>Gets or sets the form of streams on the wire.</summary>
    /// <value>The default is <see cref="StreamFormat.Default"/>.</value>
    public StreamFormat StreamFormat { get; set; } = StreamFormat.Default;

    /// <summary>Gets or sets the length of embedding vectors when the request does not ask for another.</summary>
    /// <value>The default is 1,536.</value>
    public int EmbeddingDimensions { get; set; } = 1536;

    internal List<LimitChange> LimitChanges { get; } = [];

    /// <summary>Changes limits at a later time, counted from when the deployment is made. Changes are made in order of time.</summary>
    /// <param name="after">When.</param>
    /// <param name="requestsPerMinute">The requests admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="tokensPerMinute">The tokens admitted per minute from then on, or <see langword="null"/> to leave them.</param>
    /// <param name="provisionedTokensPerMinute">The throughput of a provisioned deployment from then on, or <see langword="null"/> to leave it.</param>
    /// <returns>This instance.</returns>
    public DeploymentOptions ChangeLimits(TimeSpan after, int? requestsPerMinute = null, int? tokensPerMinute = null, int? provisionedTokensPerMinute = null)
    {
        LimitChanges.Add(new LimitChange(after, requestsPerMinute, tokensPerMinute, provisionedTokensPerMinute));
        return this;
    }

    /// <summary>
    /// Changes at a later time what a neighbour takes, another user of the same requests and tokens per minute: that part of each is not there for the deployment. Headers state the
    /// whole limit, and what remains without the neighbour's part.
    /// </summary>
    /// <param name="after">When, counted from when the deployment is made.</param>
    /// <param name="share">The part that the neighbour takes from then on, from 0 to less than 1. Until the first change it is 0.</param>
    /// <returns>This instance.</returns>
    public DeploymentOptions ChangeNeighbour(TimeSpan after, double share)
    {
        LimitChanges.Add(LimitChange.OfNeighbour(after, share));
        return this;
    }

    /// <summary>Sets <see cref="Responder"/> to a function that answers at once.</summary>
    /// <param name="responder">Answers one request. Called concurrently.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="responder"/> is <see langword="null"/>.</exception>
    public DeploymentOptions Respond(Func<ChatRequest, ChatReply> responder)
    {
        ArgumentNullException.ThrowIfNull(responder);

        Responder = (request, _) => ValueTask.FromResult(responder(request));
        return this;
    }
}
