using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Chat;
using AzureOpenAI.RoundRobin.Chat.Responses;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Pool;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Provides an <see cref="IChatClient"/> that sends each call to the next healthy endpoint of an <see cref="EndpointPool"/>, and to another one where that fails.
/// </summary>
/// <remarks>
/// Safe for concurrent use. The caller's messages and options are never changed. A stream picks its endpoint when it is enumerated, and each
/// enumeration is a call of its own; until its first content it may move to another endpoint, after that it never does.
/// </remarks>
[SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "The first parameters differ in kind, so no call is ambiguous.")]
public sealed class RoundRobinChatClient : IChatClient
{
    private readonly bool _leaveOpen;

    /// <summary>Initializes a new instance of the <see cref="RoundRobinChatClient"/> class over a pool.</summary>
    /// <param name="pool">The endpoints.</param>
    /// <param name="leaveOpen">Whether the pool outlives this client; otherwise it is disposed with it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="pool"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="pool"/> holds a ready-made embedding generator without a chat client.</exception>
    public RoundRobinChatClient(EndpointPool pool, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (pool.Endpoints.FirstOrDefault(static endpoint => endpoint.ChatClient is null) is { } generatorOnly)
        {
            throw new ArgumentException($"Endpoint '{generatorOnly.Name}' of the pool is a ready-made embedding generator, which does not chat; set its ChatClient as well, or give it an address.", nameof(pool));
        }

        Pool = pool;
        pool.AnswersChat = true;
        _leaveOpen = leaveOpen;
    }

    /// <summary>Initializes a new instance of the <see cref="RoundRobinChatClient"/> class over ready-made clients of any provider.</summary>
    /// <param name="clients">The clients to rotate over, in order. The list is captured.</param>
    /// <param name="options">How calls behave; only the options about attempts are used.</param>
    /// <param name="leaveOpen">Whether the clients outlive this one; otherwise each is disposed with it, once its last call has ended.</param>
    /// <param name="loggerFactory">Where the pool's logs go, or <see langword="null"/> for nowhere.</param>
    /// <param name="timeProvider">The source of all time, or <see langword="null"/> for the system's.</param>
    /// <param name="meterFactory">Makes the meter, or <see langword="null"/> for the one that all pools without a factory share.</param>
    /// <exception cref="ArgumentNullException"><paramref name="clients"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="clients"/> is empty or contains <see langword="null"/>.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The options are at fault; the message names every fault.</exception>
    public RoundRobinChatClient(
        IEnumerable<IChatClient> clients, RoundRobinOptions? options = null, bool leaveOpen = false,
        ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null, IMeterFactory? meterFactory = null)
        : this(Capture(clients, options, leaveOpen, loggerFactory, timeProvider, meterFactory))
    {
    }

    /// <summary>Gets the endpoints.</summary>
    public EndpointPool Pool { get; }

    /// <summary>
    /// Creates a client over the endpoints in <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c>, or over those that <paramref name="configure"/> adds.
    /// It is always a pool: the switch <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> is not read.
    /// </summary>
    /// <param name="configure">Sets what the variables do not say, or <see langword="null"/>.</param>
    /// <param name="loggerFactory">Where the pool's logs go, warnings about the variables among them, or <see langword="null"/> for nowhere.</param>
    /// <returns>The client, which owns its pool.</returns>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The variables or the options are at fault; the message names every fault.</exception>
    public static RoundRobinChatClient FromEnvironment(Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        RoundRobinOptions options = new();
        configure?.Invoke(options);
        return new(new EndpointPool(ConfigurationResolver.ForEnvironment(options, Registration.Chat), loggerFactory));
    }

    /// <inheritdoc/>
    /// <exception cref="System.ClientModel.ClientResultException">The request is at fault, or the only attempt failed: the SDK's own exception.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint could answer, after more than one attempt or without any.</exception>
    /// <exception cref="TimeoutException">Two attempts ran out of time, and no healthy endpoint was left for another.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    // Not inlined into callers, so that the JIT inlines the whole path here. In a caller that knows the client's type it would inline the first half and call the other.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        messages = ChatRequest.Repeatable(messages);
        PoolRoutes routes = Pool.Routes;
        if (options is { RawRepresentationFactory: not null })
        {
            return GetByRawOptionsAsync(routes, messages, options, cancellationToken);
        }

        AttemptLoop loop = routes.LoopFor(messages, options, out uint affinity);
        return loop.RunAsync<ChatOperation, ChatResponse>(new ChatOperation(new ChatRequest(messages, options, loop.IsMapped, affinity)), cancellationToken);
    }

    /// <inheritdoc/>
    /// <exception cref="System.ClientModel.ClientResultException">The request is at fault, or the only attempt failed: the SDK's own exception.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint could answer, after more than one attempt or without any.</exception>
    /// <exception cref="TimeoutException">Two attempts ran out of time, and no healthy endpoint was left for another.</exception>
    /// <exception cref="ChatStreamInterruptedException">The stream broke off after content had reached the caller.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        messages = ChatRequest.Repeatable(messages);
        PoolRoutes routes = Pool.Routes;
        return options is { RawRepresentationFactory: null, AllowBackgroundResponses: null or false } or null
            ? StreamOf(routes, messages, options, cancellationToken)
            : routes.Settings.ResumeStreams && options.AllowBackgroundResponses == true
                ? new ResumedStream((request, by, token) => GetStreamByRawOptions(Pool.Routes, request, by, token)).ReadAsync(messages, options, cancellationToken)
                : GetStreamByRawOptions(routes, messages, options, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Answers for this client, its pool, and metadata of the pool as a whole. With a key it returns <see langword="null"/>.</remarks>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? Pool.Routes.ChatMetadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(Pool) ? Pool
            : null;
    }

    /// <summary>Disposes the pool, unless it was to be left open. Running calls end first. May be called more than once.</summary>
    public void Dispose()
    {
        if (!_leaveOpen)
        {
            Pool.Dispose();
        }
    }

    private static ChatStream StreamOf(PoolRoutes routes, IEnumerable<ChatMessage> messages, ChatOptions? options, CancellationToken cancellationToken)
    {
        AttemptLoop loop = routes.LoopFor(messages, options, out uint affinity);
        return new ChatStream(loop, new ChatRequest(messages, options, loop.IsMapped, affinity), cancellationToken);
    }

    /// <remarks>Apart from the quick path, which most calls go.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private Task<ChatResponse> GetByRawOptionsAsync(PoolRoutes routes, IEnumerable<ChatMessage> messages, ChatOptions options, CancellationToken cancellationToken)
    {
        return Route(routes, messages, options, out AttemptLoop loop, out ChatRequest request) is { } fallback
            ? fallback.GetResponseAsync(request, cancellationToken)
            : loop.RunAsync<ChatOperation, ChatResponse>(new ChatOperation(request), cancellationToken);
    }

    private IAsyncEnumerable<ChatResponseUpdate> GetStreamByRawOptions(PoolRoutes routes, IEnumerable<ChatMessage> messages, ChatOptions options, CancellationToken cancellationToken)
    {
        return Route(routes, messages, options, out AttemptLoop loop, out ChatRequest request) is { } fallback
            ? fallback.GetStreamingResponseAsync(request, cancellationToken)
            : new ChatStream(loop, request, cancellationToken);
    }

    /// <summary>Where a call goes, by the SDK's own options too.</summary>
    /// <returns>What makes the call where it may go on to the standard tier; null where its loop does.</returns>
    private FlexFallback? Route(PoolRoutes routes, IEnumerable<ChatMessage> messages, ChatOptions options, out AttemptLoop loop, out ChatRequest request)
    {
        PoolRoutes asked = RoutesOf(ref options, routes);
        loop = asked.LoopFor(messages, options, out uint affinity);
        request = new(messages, options, loop.IsMapped, affinity);
        return asked.FallsBack ? new FlexFallback(loop, routes.LoopFor(messages, options, out _)) : null;
    }

    /// <summary>The routes of the tier that a call asks for in the SDK's own options, and its options with what else these say of where it goes.</summary>
    private PoolRoutes RoutesOf(ref ChatOptions options, PoolRoutes routes)
    {
        if (options.RawRepresentationFactory is null || routes.LoopFor(options.ModelId).Picker.Endpoints is not [{ ChatClient: { } client }, ..])
        {
            return routes;
        }

        RawOptions raw = RawOptions.Read(options, client);
        options = raw.AppliedTo(options);
        return raw.Tier is { } tier ? Pool.RoutesOf(tier) : routes;
    }

    private static EndpointPool Capture(
        IEnumerable<IChatClient> clients, RoundRobinOptions? options, bool leaveOpen,
        ILoggerFactory? loggerFactory, TimeProvider? timeProvider, IMeterFactory? meterFactory)
    {
        ArgumentNullException.ThrowIfNull(clients);
        IChatClient[] captured = [.. clients];
        return new EndpointPool(ConfigurationResolver.ForClients(captured, options), loggerFactory, timeProvider, meterFactory, () =>
        {
            foreach (IChatClient client in leaveOpen ? [] : captured.Distinct())
            {
                client.Dispose();
            }
        });
    }
}
