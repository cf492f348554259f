using System.Collections.Immutable;
using System.Globalization;

namespace AzureOpenAI.Simulator;

/// <summary>
/// A resource at run time: where it is, and everything that can be done to it while it serves.
/// </summary>
/// <remarks>Safe for concurrent use. A change concerns requests that arrive after it.</remarks>
public sealed class SimulatedResource
{
    private readonly DeploymentDefaults _defaults;
    private readonly QuotaPools _pools;
    private readonly Func<string, bool>? _acceptToken;
    private readonly ListenerGate _gate;
    private ImmutableDictionary<string, SimulatedDeployment> _deployments;
    private volatile string _apiKey;
    private volatile Latency _rejectionLatency;

    internal SimulatedResource(ResourceOptions options, SimulatorOptions simulator, QuotaPools pools, SimulatorClock clock, int seed, ListenerGate gate)
    {
        _gate = gate;
        _pools = pools;
        gate.Resource = this;
        Name = options.Name;
        Region = options.Region;
        Clock = clock;
        Random = new SeededRandom(seed);
        Faults = new FaultScript(clock, Random);
        Responses = new ResponseStore(options.Name);
        options.Headers.CopyTo(Headers);
        _apiKey = options.ApiKey ?? GeneratedKey.Create(options.Name, seed);
        _acceptToken = options.AcceptToken;
        _rejectionLatency = options.RejectionLatency;
        _defaults = DeploymentDefaults.Of(options, simulator);
        _deployments = ImmutableDictionary.CreateRange(
            StringComparer.OrdinalIgnoreCase,
            options.DeploymentsOrDefault.Select(deployment => KeyValuePair.Create(deployment.Name, new SimulatedDeployment(deployment, _defaults, pools, clock))));

        string prefix = options.PathPrefix.Trim('/');
        PathPrefix = prefix.Length == 0 ? "" : "/" + prefix;
        Endpoint = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{gate.Port.Port}{PathPrefix}/"));
        V1Endpoint = new Uri(Endpoint, "openai/v1/");
        foreach (var fault in options.Faults)
        {
            Faults.Add(fault);
        }
    }

    /// <summary>Gets the name of the resource.</summary>
    public string Name { get; }

    /// <summary>Gets the address of the resource, path prefix included, ending in a slash: what a client is configured with.</summary>
    public Uri Endpoint { get; }

    /// <summary>Gets the address of the v1 route, ending in <c>/openai/v1/</c>.</summary>
    public Uri V1Endpoint { get; }

    /// <summary>Gets the key that the resource accepts now.</summary>
    public string ApiKey => _apiKey;

    /// <summary>Gets the deployments by name, without regard to case.</summary>
    public IReadOnlyDictionary<string, SimulatedDeployment> Deployments => Volatile.Read(ref _deployments);

    /// <summary>Gets the faults in force.</summary>
    public FaultScript Faults { get; }

    /// <summary>Gets the rules that omit, replace or add response headers.</summary>
    public HeaderRules Headers { get; } = new();

    /// <summary>Gets or sets the time to headers of rejections: 400, 401, 404 and 429.</summary>
    /// <exception cref="ArgumentNullException">The value is <see langword="null"/>.</exception>
    public Latency RejectionLatency
    {
        get => _rejectionLatency;
        set => _rejectionLatency = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>Gets a value indicating whether the resource accepts connections.</summary>
    public bool IsListening => _gate.IsListening;

    internal SimulatorClock Clock { get; }

    internal SeededRandom Random { get; }

    internal string Region { get; }

    internal ResponseStore Responses { get; }

    internal string PathPrefix { get; }

    /// <summary>Gets a deployment by name, without regard to case.</summary>
    /// <param name="deployment">The name of the deployment.</param>
    /// <returns>The deployment.</returns>
    /// <exception cref="ArgumentException">There is no such deployment.</exception>
    public SimulatedDeployment this[string deployment] =>
        Find(deployment) ?? throw new ArgumentException($"Resource '{Name}' has no deployment '{deployment}'.", nameof(deployment));

    /// <summary>Stops listening and resets every open connection: from here on connections are refused, until <see cref="StartListeningAsync"/>.</summary>
    /// <returns>A task that is complete when connections are refused. If the resource is not listening, nothing happens.</returns>
    public Task StopListeningAsync() => _gate.StopAsync();

    /// <summary>Listens again, on the same port.</summary>
    /// <returns>A task that is complete when connections are accepted. If the resource is listening, nothing happens.</returns>
    public Task StartListeningAsync() => _gate.StartAsync();

    /// <summary>Refuses connections for a time: <see cref="StopListeningAsync"/>, a wait by the simulator's clock, <see cref="StartListeningAsync"/>.</summary>
    /// <param name="duration">How long, from the call on.</param>
    /// <param name="cancellationToken">Ends the wait; the resource listens again all the same.</param>
    /// <returns>A task that is complete when connections are accepted again.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="duration"/> is negative.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task RefuseConnectionsAsync(TimeSpan duration, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);

        // The time runs before anything is awaited, so that a test that lets it pass finds it running.
        Task over = Clock.DelayAsync(duration, cancellationToken);
        await StopListeningAsync().ConfigureAwait(false);
        try
        {
            await over.ConfigureAwait(false);
        }
        finally
        {
            await StartListeningAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Resets every open connection, while the resource goes on listening.</summary>
    /// <returns>How many connections were reset.</returns>
    public int ResetConnections() => _gate.CutConnections();

    /// <summary>Replaces the key. The old one is refused from now on.</summary>
    /// <param name="newKey">The new key: printable ASCII characters without spaces.</param>
    /// <exception cref="ArgumentException"><paramref name="newKey"/> is <see langword="null"/>, empty, or holds other characters.</exception>
    public void ReplaceKey(string newKey)
    {
        ArgumentException.ThrowIfNullOrEmpty(newKey);
        _apiKey = OptionsReview.IsKey(newKey)
            ? newKey
            : throw new ArgumentException("A key holds only printable ASCII characters, and no spaces.", nameof(newKey));
    }

    /// <summary>Adds a deployment, or replaces the one of the same name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="configure">Sets the deployment up.</param>
    /// <returns>The deployment.</returns>
    /// <exception cref="ArgumentException">The deployment is not set up well; the message says why.</exception>
    public SimulatedDeployment AddDeployment(string name, Action<DeploymentOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(name);

        var options = new DeploymentOptions(name);
        configure?.Invoke(options);
        OptionsReview.Require(options, Name, new DeploymentNeighbours(_pools.Contains, name => Find(name) is { Bucket: null }));
        var deployment = new SimulatedDeployment(options, _defaults, _pools, Clock);
        ImmutableInterlocked.Update(ref _deployments, all => all.SetItem(name, deployment));
        return deployment;
    }

    /// <summary>Removes a deployment: requests for it get 404 <c>DeploymentNotFound</c>.</summary>
    /// <param name="name">The name, without regard to case.</param>
    /// <returns>Whether there was such a deployment.</returns>
    public bool RemoveDeployment(string name) => ImmutableInterlocked.TryRemove(ref _deployments, name, out _);

    /// <summary>Returns the name of the resource.</summary>
    /// <returns>The name; never the key.</returns>
    public override string ToString() => Name;

    internal SimulatedDeployment? Find(string deployment) => Volatile.Read(ref _deployments).GetValueOrDefault(deployment);

    internal bool HasKey(string key) => key == _apiKey;

    internal bool AcceptsToken(string token) => _acceptToken?.Invoke(token) == true;
}
