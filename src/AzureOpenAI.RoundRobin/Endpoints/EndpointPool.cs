using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Attempts;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using OpenAI;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents several Azure OpenAI endpoints with pre-built clients: whose turn it is, who is fit, and who waits.
/// </summary>
/// <remarks>
/// Safe for concurrent use. Endpoints are captured when the constructor runs; later changes to the options are not observed.
/// The pool owns the transport that it made, but no client and no <see cref="HttpClient"/> that it was given.
/// </remarks>
public sealed class EndpointPool : IDisposable
{
    private readonly PoolMembers _members;
    private readonly Dispatcher _dispatcher;
    private readonly CallLimits _limits;
    private readonly AttemptLoop _default;
    private readonly Dictionary<string, AttemptLoop> _byModel;

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

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The dispatcher disposes the transport when the last attempt has ended.")]
    internal EndpointPool(
        Resolution resolution, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null, IMeterFactory? meterFactory = null,
        Action? released = null, uint? start = null, Func<double>? jitter = null)
    {
        PoolSettings settings = resolution.Settings;
        TimeProvider time = timeProvider ?? TimeProvider.System;
        bool needsTransport = settings.HttpClient is null && settings.Endpoints.Any(endpoint => endpoint.Kind != EndpointKind.ReadyMade);
        HttpClient? own = needsTransport ? EndpointClients.CreateTransport() : null;
        // A process that starts anywhere in the rotation does not meet all others at the first endpoint.
        _members = new PoolMembers(settings, settings.HttpClient ?? own, time, start ?? (uint)Random.Shared.Next(), jitter ?? Random.Shared.NextDouble);
        Instruments instruments = Instruments.Of(meterFactory);
        PoolLog log = PoolLog.Of(loggerFactory, instruments);
        // Whoever can go to one endpoint only comes first in line there; the others' lines move on elsewhere meanwhile.
        _dispatcher = new Dispatcher(_members.Endpoints, [.. _members.Alone.Values, _members.Default, .. _members.ByModel.Values], time, log, instruments, () =>
        {
            instruments.Pools.Remove(this);
            own?.Dispose();
            released?.Invoke();
        });
        _limits = new CallLimits
        {
            MaxWait = settings.MaxWait,
            AttemptTimeout = settings.AttemptTimeout,
            FirstContentTimeout = settings.FirstContentTimeout,
            MaxAttempts = settings.MaxAttempts ?? int.MaxValue,
            OwnTransport = own is not null,
        };
        _default = new AttemptLoop(_dispatcher, _members.Default, _limits);
        _byModel = _members.ByModel.ToDictionary(
            group => group.Key, group => new AttemptLoop(_dispatcher, group.Value, _limits, isMapped: true), StringComparer.OrdinalIgnoreCase);
        Count = settings.Endpoints.Count;
        Settings = settings;
        Log = log;
        instruments.Pools.Add(this);
        log.Tell(resolution.Warnings);
    }

    /// <summary>Gets the number of configured endpoints.</summary>
    public int Count { get; }

    /// <summary>Gets the number of calls that wait at this moment because no endpoint is fit.</summary>
    public int Waiting => _dispatcher.Waiting;

    internal IReadOnlyList<Endpoint> Endpoints => _members.Endpoints;

    internal PoolSettings Settings { get; }

    internal PoolLog Log { get; }

    internal EndpointGroup DefaultGroup => _members.Default;

    internal Dispatcher Dispatcher => _dispatcher;

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
    /// Returns the pre-built client of the next fit endpoint; of the next one at all where none is fit. What happens to its calls is
    /// outside the pool's sight: there is no failover, and no endpoint goes out for it. See <see cref="InvokeAsync"/>.
    /// </summary>
    /// <remarks>What a client cannot do is said at <see cref="PooledClient.Client"/>.</remarks>
    /// <returns>An <see cref="Azure.AI.OpenAI.AzureOpenAIClient"/>, or an <see cref="OpenAIClient"/> for a v1 endpoint. The pool owns it.</returns>
    /// <exception cref="InvalidOperationException">The pool holds ready-made clients only.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public OpenAIClient Next() => NextClient().Client;

    /// <summary>Returns what <see cref="Next"/> does, with the deployment to ask for.</summary>
    /// <param name="model">The model, looked up in each endpoint's <see cref="EndpointOptions.Deployments"/>, or <see langword="null"/> for the default.</param>
    /// <returns>The client with its deployment.</returns>
    /// <exception cref="InvalidOperationException">The pool holds ready-made clients only.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public PooledClient NextClient(string? model = null) =>
        _dispatcher.Peek(LoopFor(model).Group, static endpoint => endpoint.Client is not null && endpoint.DeploymentName is not null).Pooled();

    /// <summary>
    /// Runs an operation of any kind on the endpoints under the pool's rules: the next fit endpoint, failover, waiting, and the same exceptions as a chat call.
    /// </summary>
    /// <typeparam name="T">What the operation yields.</typeparam>
    /// <param name="operation">
    /// What to do with a client. It may run more than once, each time at another endpoint or after a pause, and should pass on the token it is given.
    /// A stream that it sends, such as audio, must be opened or rewound in it: an attempt that failed may have read it.
    /// </param>
    /// <param name="model">The model, looked up in each endpoint's <see cref="EndpointOptions.Deployments"/>, or <see langword="null"/> for the default.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <remarks>
    /// Images, transcriptions and embeddings work with every endpoint; Responses, speech and the typed chat methods with v1 endpoints only, as is said at
    /// <see cref="PooledClient.Client"/>. An operation that its client does not support fails at once with the SDK's exception, and no endpoint is blamed.
    /// </remarks>
    /// <returns>What the operation yielded.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="operation"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidOperationException">The pool holds a ready-made client, which has no client to hand out.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint could do it, after more than one attempt or without any. What the operation threw surfaces as it is where it is no endpoint's fault, or the only attempt.</exception>
    /// <exception cref="TimeoutException">Two attempts ran out of time.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> is cancelled.</exception>
    public Task<T> InvokeAsync<T>(Func<PooledClient, CancellationToken, Task<T>> operation, string? model = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(operation);
        AttemptLoop loop = LoopFor(model);
        if (Array.Exists(loop.Group.Endpoints, static endpoint => !endpoint.IsBuilt))
        {
            throw new InvalidOperationException("The pool holds a ready-made client, which has no OpenAI client to run the operation on.");
        }

        return loop.RunAsync<PooledOperation<T>, T>(new PooledOperation<T>(operation), cancellationToken);
    }

    /// <summary>Reads the state of all endpoints at one moment: one entry for each deployment, in the order of the configuration.</summary>
    /// <returns>A snapshot.</returns>
    public IReadOnlyList<EndpointStatus> GetStatus() => _dispatcher.Read<IReadOnlyList<EndpointStatus>>(
        (endpoints, now) => [.. endpoints.Select(endpoint => StatusOf(endpoint, now))]);

    /// <summary>
    /// Refuses new calls, wakes those that wait with <see cref="ObjectDisposedException"/>, lets running attempts end, and then lets go of the transport.
    /// May be called more than once.
    /// </summary>
    public void Dispose() => _dispatcher.Dispose();

    /// <summary>Returns the number of endpoints.</summary>
    /// <returns>A description without keys.</returns>
    public override string ToString() => $"{Count} endpoints";

    internal AttemptLoop LoopFor(string? model) =>
        model is not null && _byModel.Count > 0 && _byModel.TryGetValue(model, out AttemptLoop? loop) ? loop : _default;

    /// <summary>A conversation that a ready-made client keeps goes on there and nowhere else; any other call goes where its model is answered.</summary>
    internal AttemptLoop LoopFor(ChatOptions? options)
    {
        AttemptLoop loop = LoopFor(options?.ModelId);
        return options?.ConversationId is { } id && _members.Conversations?.Find(id) is { } maker ? LoopOf(maker, loop) : loop;
    }

    /// <summary>The same client under the deployment that the loop asks it for. If it does not answer the model, it is asked all the same, and for the model as the caller wrote it.</summary>
    private AttemptLoop LoopOf(Endpoint maker, AttemptLoop loop)
    {
        Endpoint? member = Array.Find(loop.Group.Endpoints, endpoint => endpoint.ChatClient == maker.ChatClient);
        return new AttemptLoop(_dispatcher, _members.Alone[member ?? maker], _limits, isMapped: member is not null && loop.IsMapped);
    }

    private EndpointStatus StatusOf(Endpoint endpoint, long now)
    {
        Condition condition = endpoint.Condition;
        Health? cause = endpoint.Resource.Health.Condition >= endpoint.Health.Condition ? endpoint.Resource.Health : endpoint.Health;
        TokenCounts used = endpoint.Used;
        return new EndpointStatus(endpoint.Name)
        {
            DeploymentName = endpoint.DeploymentName,
            State = (EndpointState)condition,
            Reason = condition == Condition.Fit ? null : ExhaustedMessage.Reason(cause.Reason),
            ReadyIn = condition == Condition.Out ? _dispatcher.Time.Until(now, endpoint.OutUntil) : null,
            InFlight = _dispatcher.Running(endpoint),
            Answered = endpoint.Answered,
            Failed = endpoint.Failed,
            RateLimited = endpoint.Rejected,
            InputTokens = used.Input,
            OutputTokens = used.Output,
            CachedInputTokens = used.CachedInput,
            LastError = endpoint.LastFailure,
        };
    }
}
