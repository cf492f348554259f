namespace AzureOpenAI.Simulator;

/// <summary>
/// Describes one simulated resource.
/// </summary>
/// <remarks>Read once, when the simulator starts; later changes are not observed. Not safe for concurrent use.</remarks>
public sealed class ResourceOptions
{
    private readonly List<DeploymentOptions> _deployments = [];
    private readonly List<Fault> _faults = [];

    internal ResourceOptions(string name) => Name = name;

    /// <summary>Gets the name of the resource.</summary>
    public string Name { get; }

    /// <summary>Gets or sets the key that the resource accepts.</summary>
    /// <value>The default, <see langword="null"/>, generates one from the name and the seed.</value>
    public string? ApiKey { get; set; }

    /// <summary>Gets or sets what decides whether a bearer token is accepted. It is given the token without the word <c>Bearer</c>.</summary>
    /// <value>The default, <see langword="null"/>, accepts no token.</value>
    public Func<string, bool>? AcceptToken { get; set; }

    /// <summary>Gets or sets the TCP port on 127.0.0.1.</summary>
    /// <value>The default, 0, takes a free port.</value>
    public int Port { get; set; }

    /// <summary>Gets or sets the path in front of <c>/openai/</c>, as a gateway would have it.</summary>
    /// <value>The default is empty: no prefix.</value>
    public string PathPrefix { get; set; } = "";

    /// <summary>Gets or sets the region named in the <c>x-ms-region</c> header.</summary>
    /// <value>The default is <c>East US</c>.</value>
    public string Region { get; set; } = "East US";

    /// <summary>Gets or sets the time to headers of deployments that do not set their own.</summary>
    /// <value>The default is <see cref="Latency.None"/>.</value>
    public Latency Latency { get; set; } = Latency.None;

    /// <summary>Gets or sets the time to headers of rejections: 400, 401, 404 and 429.</summary>
    /// <value>The default is <see cref="Latency.None"/>.</value>
    public Latency RejectionLatency { get; set; } = Latency.None;

    /// <summary>Gets or sets what answers chat calls on deployments that do not set their own responder.</summary>
    /// <value>The default, <see langword="null"/>, leaves it to <see cref="SimulatorOptions.Responder"/>.</value>
    public Func<ChatRequest, CancellationToken, ValueTask<ChatReply>>? Responder { get; set; }

    /// <summary>Gets the rules that omit, replace or add response headers from the start.</summary>
    public HeaderRules Headers { get; } = new();

    /// <summary>Gets the deployments, in the order in which they were added.</summary>
    /// <value>When empty at the start, the resource gets one deployment named <c>gpt-4o</c>.</value>
    public IReadOnlyList<DeploymentOptions> Deployments => _deployments;

    /// <summary>Gets the faults that are in force from the start.</summary>
    public IReadOnlyList<Fault> Faults => _faults;

    internal IEnumerable<DeploymentOptions> DeploymentsOrDefault => _deployments.Count > 0 ? _deployments : [new DeploymentOptions("gpt-4o")];

    /// <summary>Adds a deployment.</summary>
    /// <param name="name">The name, unique in the resource without regard to case: letters, digits, <c>-</c>, <c>_</c> and <c>.</c>.</param>
    /// <param name="configure">Sets the deployment up; without it: no limits, no latency.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    public ResourceOptions AddDeployment(string name, Action<DeploymentOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(name);

        var deployment = new DeploymentOptions(name);
        configure?.Invoke(deployment);
        _deployments.Add(deployment);
        return this;
    }

    /// <summary>Adds a fault that is in force from the start. Its time window counts from there.</summary>
    /// <param name="fault">The fault.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="fault"/> is <see langword="null"/>.</exception>
    public ResourceOptions AddFault(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);

        _faults.Add(fault);
        return this;
    }

    /// <summary>Sets <see cref="Responder"/> to a function that answers at once.</summary>
    /// <param name="responder">Answers one request. Called concurrently.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="responder"/> is <see langword="null"/>.</exception>
    public ResourceOptions Respond(Func<ChatRequest, ChatReply> responder)
    {
        ArgumentNullException.ThrowIfNull(responder);

        Responder = (request, _) => ValueTask.FromResult(responder(request));
        return this;
    }

    /// <summary>Returns the name of the resource.</summary>
    /// <returns>The name; never the key.</returns>
    public override string ToString() => Name;
}
