using Microsoft.Extensions.Logging;

namespace AzureOpenAI.Simulator;

/// <summary>
/// Describes the resources to simulate and what they share.
/// </summary>
/// <remarks>Read once, when the simulator starts; later changes are not observed. Not safe for concurrent use.</remarks>
public sealed class SimulatorOptions
{
    private readonly List<ResourceOptions> _resources = [];
    private readonly List<QuotaPoolOptions> _quotaPools = [];

    /// <summary>Gets the resources, in the order in which they were added.</summary>
    public IReadOnlyList<ResourceOptions> Resources => _resources;

    /// <summary>Gets the limits that deployments share, in the order in which they were added.</summary>
    public IReadOnlyList<QuotaPoolOptions> QuotaPools => _quotaPools;

    /// <summary>Gets or sets the clock of limits, latencies, fault windows, prompt caches and the ledger.</summary>
    /// <value>The default is <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Gets or sets the seed of everything random: latencies, fault probabilities and generated keys.</summary>
    /// <value>The default is 1.</value>
    public int Seed { get; set; } = 1;

    /// <summary>Gets or sets what answers chat calls where neither the deployment nor its resource has a responder.</summary>
    /// <value>The default answers <c>[resource name] text of the last user message</c>.</value>
    public Func<ChatRequest, CancellationToken, ValueTask<ChatReply>>? Responder { get; set; }

    /// <summary>Gets or sets the text that makes a prompt fail with status 400 and code <c>content_filter</c>.</summary>
    /// <value>The default is <c>[content-filter]</c>; <see langword="null"/> turns the filter off.</value>
    public string? ContentFilterMarker { get; set; } = "[content-filter]";

    /// <summary>Gets or sets how many entries the ledger keeps. When it is full, the oldest entries are dropped.</summary>
    /// <value>The default is 1,000,000.</value>
    public int LedgerCapacity { get; set; } = 1_000_000;

    /// <summary>Gets or sets where the HTTP server logs.</summary>
    /// <value>The default, <see langword="null"/>, logs nothing. The server's own logs may hold request paths, never keys.</value>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>Adds a resource.</summary>
    /// <param name="name">The name of the resource, unique without regard to case.</param>
    /// <param name="configure">Sets the resource up; without it: a generated key, deployment <c>gpt-4o</c>, no limits.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is <see langword="null"/>.</exception>
    public SimulatorOptions AddResource(string name, Action<ResourceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(name);

        var resource = new ResourceOptions(name);
        configure?.Invoke(resource);
        _resources.Add(resource);
        return this;
    }

    /// <summary>Adds a limit that deployments share by naming it as their <see cref="DeploymentOptions.QuotaPool"/>.</summary>
    /// <param name="name">The name of the pool, unique without regard to case.</param>
    /// <param name="configure">Sets the limits.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> or <paramref name="configure"/> is <see langword="null"/>.</exception>
    public SimulatorOptions AddQuotaPool(string name, Action<QuotaPoolOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(configure);

        var pool = new QuotaPoolOptions(name);
        configure(pool);
        _quotaPools.Add(pool);
        return this;
    }

    /// <summary>Sets <see cref="Responder"/> to a function that answers at once.</summary>
    /// <param name="responder">Answers one request. Called concurrently.</param>
    /// <returns>This instance.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="responder"/> is <see langword="null"/>.</exception>
    public SimulatorOptions Respond(Func<ChatRequest, ChatReply> responder)
    {
        ArgumentNullException.ThrowIfNull(responder);

        Responder = (request, _) => ValueTask.FromResult(responder(request));
        return this;
    }
}
