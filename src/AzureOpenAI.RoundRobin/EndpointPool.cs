using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Pool;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenAI;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents a pool of Azure OpenAI endpoints with pre-built clients: the rotation over them, their health, and the queue of waiting calls.
/// </summary>
/// <remarks>
/// Safe for concurrent use. Options are read when the constructor runs, and by <see cref="Update(RoundRobinOptions)"/>; later changes to an instance are not observed.
/// The pool owns the transport that it made, but no client and no <see cref="HttpClient"/> that it was given.
/// </remarks>
[SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "The operations differ in their parameters, so no call is ambiguous.")]
public sealed class EndpointPool : IDisposable, IStatusSource
{
    private readonly Lock _updating = new();
    private readonly TimeProvider _time;
    private readonly uint _start;
    private readonly Func<double> _jitter;
    private readonly Balancer _balancer;
    private HttpClient? _ownTransport;
    private IDisposable? _follows;
    private Func<RoundRobinOptions, Resolution> _renew;
    private volatile PoolRoutes _routes;

    /// <summary>Initializes a new instance of the <see cref="EndpointPool"/> class. Reads no environment variable.</summary>
    /// <param name="options">The endpoints, and how calls behave.</param>
    /// <param name="loggerFactory">Where the pool's logs go, or <see langword="null"/> for nowhere.</param>
    /// <param name="timeProvider">The source of all time, or <see langword="null"/> for the system's.</param>
    /// <param name="meterFactory">Makes the meter, or <see langword="null"/> for the one that all pools without a factory share.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is <see langword="null"/>.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The options are at fault; the message names every fault.</exception>
    public EndpointPool(RoundRobinOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null, IMeterFactory? meterFactory = null)
        : this(ConfigurationResolver.ForPool(options), loggerFactory, timeProvider, meterFactory)
    {
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The balancer disposes the transport when the last attempt has ended.")]
    internal EndpointPool(
        Resolution resolution, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null, IMeterFactory? meterFactory = null,
        Action? released = null, uint? start = null, Func<double>? jitter = null, IPoolBackplane? backplane = null, Action<Waiter>? resume = null)
    {
        _time = timeProvider ?? TimeProvider.System;
        // A random start, so that many processes that start at once do not all begin at the first endpoint.
        _start = start ?? (uint)Random.Shared.Next();
        _jitter = jitter ?? Random.Shared.NextDouble;
        Instruments instruments = Instruments.Of(meterFactory);
        Log = PoolLog.Of(loggerFactory, instruments);
        PoolMembers members = Assemble(resolution.Settings, before: null, tiers: []);
        _balancer = new Balancer(members, _time, Log, instruments, () =>
        {
            instruments.Pools.Remove(this);
            _ownTransport?.Dispose();
            released?.Invoke();
        }, resolution.Settings.Backplane ?? backplane, resume);
        _routes = new PoolRoutes(_balancer, members, resolution.Settings, Log);
        _renew = resolution.Renew;
        instruments.Pools.Add(this);
        Log.Write(resolution.Warnings);
    }

    /// <summary>Gets the number of deployments in the configuration, which is the number of entries of <see cref="GetStatus"/>. An endpoint with several deployments counts once for each, and for each service tier that calls have asked for.</summary>
    public int Count => _routes.Members.Endpoints.Length;

    /// <summary>Gets the number of calls that wait at this moment because no endpoint takes them. Calls that run are counted in <see cref="EndpointStatus.InFlight"/>.</summary>
    public int WaitingCalls => _balancer.WaitingCalls;

    internal IReadOnlyList<Endpoint> Endpoints => _routes.Members.Endpoints;

    internal PoolSettings Settings => _routes.Settings;

    internal PoolLog Log { get; }

    internal Picker DefaultPicker => _routes.Members.Default;

    internal Balancer Balancer => _balancer;

    /// <summary>The routes by the present configuration. A call reads them once, so that it goes by one configuration.</summary>
    internal PoolRoutes Routes => _routes;

    /// <summary>The routes of a service tier. The first call that asks for one makes it; their number is bounded.</summary>
    internal PoolRoutes RoutesOf(string tier) => _routes.Of(tier) ?? AddTier(tier);

    /// <summary>A chat client uses the pool, so every endpoint must answer chat calls.</summary>
    internal bool AnswersChat { get; set; }

    /// <summary>An embedding generator uses the pool, so every endpoint must make embeddings.</summary>
    internal bool MakesEmbeddings { get; set; }

    /// <summary>
    /// Creates a pool of the endpoints in <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c>, or of those that <paramref name="configure"/> adds.
    /// Does not read the switch <c>USE_AZURE_OPENAI_ROUND_ROBIN</c>.
    /// </summary>
    /// <param name="configure">Sets what the variables do not say, or <see langword="null"/>.</param>
    /// <param name="loggerFactory">Where the pool's logs go, warnings about the variables among them, or <see langword="null"/> for nowhere.</param>
    /// <returns>The pool, which the caller owns.</returns>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The variables or the options are at fault; the message names every fault.</exception>
    public static EndpointPool FromEnvironment(Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        RoundRobinOptions options = new();
        configure?.Invoke(options);
        return new EndpointPool(ConfigurationResolver.ForEnvironment(options), loggerFactory);
    }

    /// <summary>
    /// Returns the client of the next endpoint. It is the short form of <see cref="NextClient"/>, without the deployment's name and for the default model.
    /// </summary>
    /// <remarks>See <see cref="PooledClient.Client"/> for what a client cannot do.</remarks>
    /// <returns>An <see cref="Azure.AI.OpenAI.AzureOpenAIClient"/>, or an <see cref="OpenAIClient"/> for a v1 endpoint. The pool owns it.</returns>
    /// <exception cref="InvalidOperationException">The pool holds ready-made clients only.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public OpenAIClient Next() => NextClient().Client;

    /// <summary>
    /// Returns the pre-built client of the next healthy endpoint, with the deployment to ask for; of the next endpoint in turn where none is healthy. The pool
    /// does not see the outcomes of the client's calls: they do not fail over, and change no endpoint's state. Use <see cref="InvokeAsync{T}(Func{PooledClient, CancellationToken, Task{T}}, string?, CancellationToken)"/> for calls that do.
    /// </summary>
    /// <param name="model">The model, looked up in each endpoint's <see cref="EndpointOptions.Deployments"/>, or <see langword="null"/> for the default.</param>
    /// <returns>The client with its deployment.</returns>
    /// <exception cref="InvalidOperationException">The pool holds ready-made clients only.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public PooledClient NextClient(string? model = null) =>
        _balancer.Peek(LoopFor(model).Picker, static endpoint => endpoint.Client is not null && endpoint.DeploymentName is not null)?.Pooled()
        ?? throw new InvalidOperationException("The pool holds ready-made chat clients only, so there is no OpenAI client to hand out.");

    /// <summary>
    /// Runs an operation of any kind on the endpoints under the pool's rules: the next healthy endpoint, failover, waiting, and the same exceptions as a chat call.
    /// </summary>
    /// <typeparam name="T">The result of the operation.</typeparam>
    /// <param name="operation">
    /// What to do with a client. It may run more than once, each time at another endpoint or after a pause, and should pass on the token it is given.
    /// A stream that it sends, such as audio, must be opened or rewound in it: an attempt that failed may have read it. Its result should be complete: the
    /// attempt ends with the operation, and the pool does not see what is read later.
    /// </param>
    /// <param name="model">The model, looked up in each endpoint's <see cref="EndpointOptions.Deployments"/>, or <see langword="null"/> for the default.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <remarks>
    /// Images, transcriptions and embeddings work with every endpoint; Responses, speech and the typed chat methods with v1 endpoints only; see
    /// <see cref="PooledClient.Client"/>. An operation that its client does not support fails at once with the SDK's exception, and no endpoint is ejected.
    /// </remarks>
    /// <returns>The result of the operation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="operation"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidOperationException">The pool holds a ready-made client, which has no client to hand out.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint could do it, after more than one attempt or without any. What the operation threw surfaces as it is where it is no endpoint's fault, or the only attempt.</exception>
    /// <exception cref="TimeoutException">Two attempts ran out of time, and no healthy endpoint was left for another.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> is cancelled.</exception>
    public Task<T> InvokeAsync<T>(Func<PooledClient, CancellationToken, Task<T>> operation, string? model = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(operation);
        AttemptLoop loop = LoopFor(model);
        if (Array.Exists(loop.Picker.Endpoints, static endpoint => !endpoint.IsSdkBacked))
        {
            throw new InvalidOperationException("The pool holds a ready-made client, which has no OpenAI client to run the operation on.");
        }

        return loop.RunAsync<InvokeOperation<T>, T>(new InvokeOperation<T>(operation), cancellationToken);
    }

    /// <summary>
    /// Runs an operation at the endpoint that keeps what an id names, such as cancelling a background job, deleting a response, or reading a file. It is no work for the
    /// endpoint's model, so it is begun at once, without a turn or a limit; if it fails there, it is repeated as the calls of a conversation are, and at no other endpoint.
    /// </summary>
    /// <typeparam name="T">The result of the operation.</typeparam>
    /// <param name="operation">What to do with the client and the id as the service knows it. It may run more than once, and should pass on the token it is given.</param>
    /// <param name="id">A conversation's, a response's or a job's id of an answer, or one that <see cref="PooledClient.MarkId"/> has marked.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The result of the operation.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="operation"/> or <paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="id"/> has no mark.</exception>
    /// <exception cref="ConversationUnavailableException">That endpoint is not in the configuration.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    /// <exception cref="EndpointsExhaustedException">The endpoint could not do it, after more than one attempt.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> is cancelled.</exception>
    public Task<T> InvokeAsync<T>(Func<PooledClient, string, CancellationToken, Task<T>> operation, string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(operation);
        ArgumentNullException.ThrowIfNull(id);
        AttemptLoop loop = _routes.LoopOfId(id, out string own);
        return loop.RunAsync<InvokeOperation<T>, T>(new InvokeOperation<T>((client, token) => operation(client, own, token), namesState: true), cancellationToken);
    }

    /// <summary>Returns the client of the endpoint that keeps what an id names. The pool does not see the outcomes of its calls.</summary>
    /// <param name="id">As for <see cref="InvokeAsync{T}(Func{PooledClient, string, CancellationToken, Task{T}}, string, CancellationToken)"/>.</param>
    /// <param name="serviceId">The id as the service knows it.</param>
    /// <returns>The client with its deployment.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="id"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="id"/> has no mark.</exception>
    /// <exception cref="ConversationUnavailableException">That endpoint is not in the configuration.</exception>
    public PooledClient EndpointOf(string id, out string serviceId)
    {
        ArgumentNullException.ThrowIfNull(id);
        return _routes.HomeOf(id, out serviceId).Pooled();
    }

    /// <summary>Reads the state of all endpoints at one moment: one entry for each deployment, in the order of the configuration, then those of other service tiers.</summary>
    /// <returns>A snapshot.</returns>
    public IReadOnlyList<EndpointStatus> GetStatus()
    {
        (Endpoint[] endpoints, Dictionary<Endpoint, EndpointCondition> unhealthy) = _balancer.ReadConditions();
        Endpoint? here = _balancer.BegunHere;
        return Array.ConvertAll(endpoints, endpoint => StatusReader.Read(endpoint, unhealthy.GetValueOrDefault(endpoint), endpoint.InFlight + (endpoint == here ? 1 : 0)));
    }

    /// <summary>
    /// Takes another configuration while the pool runs: the endpoints, their weights, keys and limits, and how calls behave. Calls that run are not disturbed.
    /// </summary>
    /// <remarks>
    /// <para>
    /// An endpoint is the same as before if its address and its deployment are, whatever its name; where several have the same, they are matched by their keys and names. A
    /// ready-made endpoint is the same if its client is the same object, or its generator where it has no client before or after. The same endpoint keeps its state, such as a
    /// cooldown, and takes a new key, weight, priority or limit. A misconfigured endpoint (it refused its key, or lacked its deployment) is asked again at once if its key, credential
    /// or api-version is new. An endpoint that is not in the options any more gets no new call; calls and streams that run there end in their own time. New endpoints join the
    /// rotation. Queued calls stay queued, for the new endpoints; those for a model that no endpoint maps any more fail with <see cref="EndpointsExhaustedException"/>.
    /// </para>
    /// <para>
    /// Settings that the options leave out are looked up in the sources of the pool's creation: in the environment for a pool of <see cref="FromEnvironment"/>, in the
    /// app's configuration for one that is registered, which also follows its options by itself. A transport that the pool made, or that
    /// <see cref="RoundRobinOptions.HttpClientName"/> names, is kept.
    /// </para>
    /// <para>Safe for concurrent use with calls and with itself: one update after the other takes effect whole.</para>
    /// </remarks>
    /// <param name="options">The whole configuration, not the difference. Read before the method returns.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is <see langword="null"/>.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The options are at fault, and nothing has changed; the message names every fault.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public void Update(RoundRobinOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Update(() => options);
    }

    /// <summary>
    /// Refuses new and queued calls with <see cref="ObjectDisposedException"/>, lets running attempts end, and then disposes the transport that the pool made.
    /// May be called more than once.
    /// </summary>
    public void Dispose()
    {
        _follows?.Dispose();
        _balancer.Dispose();
    }

    /// <summary>Returns the number of deployments.</summary>
    /// <returns>A description without keys.</returns>
    public override string ToString() => $"{Count} deployments";

    /// <summary>Follows the options of a registration. An invalid configuration is refused whole, and logged.</summary>
    internal void Follow(IOptionsMonitor<RoundRobinOptions> monitor, string name) => _follows = monitor.OnChange((_, changed) =>
    {
        if (changed == name)
        {
            Renew(() => monitor.Get(name));
        }
    });

    internal AttemptLoop LoopFor(string? model) => _routes.LoopFor(model);

    private void Renew(Func<RoundRobinOptions> latest)
    {
        try
        {
            Update(latest);
        }
        catch (ObjectDisposedException) when (_balancer.IsDisposed)
        {
            // The pool was disposed while the configuration changed.
        }
#pragma warning disable CA1031 // The thread that reloads the configuration cannot correct it, and an exception there could end the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Log.Refused(exception);
        }
    }

    /// <param name="latest">Read under the lock, so that of two concurrent changes the later one takes effect.</param>
    private void Update(Func<RoundRobinOptions> latest)
    {
        lock (_updating)
        {
            ObjectDisposedException.ThrowIf(_balancer.IsDisposed, this);
            HttpClient? before = _ownTransport;
            Resolution resolution = _renew(latest());
            PoolSettings settings = resolution.Settings.WithTransportOf(Settings);
            PoolMembers members = Assemble(settings, _routes.Members, [.. _routes.Members.Tiers.Keys]);
            PoolAbilities.Check(members, AnswersChat, MakesEmbeddings);
            if (!TryTake(members, settings))
            {
                // A transport from before the update is disposed with the last attempt.
                if (before is null)
                {
                    _ownTransport?.Dispose();
                }

                throw new ObjectDisposedException(nameof(EndpointPool));
            }

            _renew = resolution.Renew;
            Log.Write(resolution.Warnings);
        }
    }

    private PoolRoutes AddTier(string tier)
    {
        lock (_updating)
        {
            // Of the calls that come at the same time the first one makes it.
            return _routes.Of(tier) is { } made ? made
                : TryTake(Assemble(Settings, _routes.Members, [.. _routes.Members.Tiers.Keys, tier]), Settings) ? _routes.Of(tier)!
                : throw Balancer.DisposedException();
        }
    }

    private bool TryTake(PoolMembers members, PoolSettings settings)
    {
        bool isTaken = _balancer.Change(members);
        if (isTaken)
        {
            _routes = new PoolRoutes(_balancer, members, settings, Log, _routes);
        }

        return isTaken;
    }

    private PoolMembers Assemble(PoolSettings settings, PoolMembers? before, string[] tiers)
    {
        if (settings.HttpClient is null && settings.Endpoints.Any(static endpoint => endpoint.Kind != EndpointKind.ReadyMade))
        {
            _ownTransport ??= SdkClients.CreateTransport();
        }

        return new PoolAssembly(settings, settings.HttpClient ?? _ownTransport, _time, Log, _start, _jitter, before).Build(tiers);
    }
}
