using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Embeddings;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Provides an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/> that sends each batch to the next healthy endpoint of an <see cref="EndpointPool"/>,
/// and to another one where that fails.
/// </summary>
/// <remarks>
/// <para>
/// Safe for concurrent use. The caller's values and options are never changed. A batch is never split: all of its vectors come from one endpoint. An answer
/// with fewer vectors than values, or with an empty one, is a broken answer, and another endpoint is asked.
/// </para>
/// <para>
/// Every endpoint must serve the same model, under any deployment name: vectors of different models cannot be compared, and the pool cannot detect a difference.
/// </para>
/// </remarks>
[SuppressMessage("ApiDesign", "RS0026:Do not add multiple public overloads with optional parameters", Justification = "The first parameters differ in kind, so no call is ambiguous.")]
public sealed class RoundRobinEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly bool _leaveOpen;

    /// <summary>Initializes a new instance of the <see cref="RoundRobinEmbeddingGenerator"/> class over a pool.</summary>
    /// <param name="pool">
    /// The endpoints, each with the deployment that makes the embeddings: <see cref="EndpointOptions.DeploymentName"/>, else
    /// <see cref="RoundRobinOptions.DeploymentName"/>. Calls that name a model go by <see cref="EndpointOptions.Deployments"/>.
    /// </param>
    /// <param name="leaveOpen">Whether the pool outlives this generator; otherwise it is disposed with it.</param>
    /// <exception cref="ArgumentNullException"><paramref name="pool"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="pool"/> holds a ready-made chat client without a generator.</exception>
    public RoundRobinEmbeddingGenerator(EndpointPool pool, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(pool);
        if (pool.Endpoints.FirstOrDefault(static endpoint => endpoint.EmbeddingGenerator is null) is { } chatOnly)
        {
            throw new ArgumentException($"Endpoint '{chatOnly.Name}' of the pool is a ready-made chat client, which makes no embeddings; set its EmbeddingGenerator as well, or give it an address.", nameof(pool));
        }

        Pool = pool;
        pool.MakesEmbeddings = true;
        _leaveOpen = leaveOpen;
    }

    /// <summary>Initializes a new instance of the <see cref="RoundRobinEmbeddingGenerator"/> class over ready-made generators of any provider.</summary>
    /// <param name="generators">The generators to rotate over, in order. The list is captured. Only their exceptions count as failures: answers are passed on as they are.</param>
    /// <param name="options">How calls behave; only the options about attempts are used.</param>
    /// <param name="leaveOpen">Whether the generators outlive this one; otherwise each is disposed with it, once its last call has ended.</param>
    /// <param name="loggerFactory">Where the pool's logs go, or <see langword="null"/> for nowhere.</param>
    /// <param name="timeProvider">The source of all time, or <see langword="null"/> for the system's.</param>
    /// <param name="meterFactory">Makes the meter, or <see langword="null"/> for the one that all pools without a factory share.</param>
    /// <exception cref="ArgumentNullException"><paramref name="generators"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="generators"/> is empty or contains <see langword="null"/>.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The options are at fault; the message names every fault.</exception>
    public RoundRobinEmbeddingGenerator(
        IEnumerable<IEmbeddingGenerator<string, Embedding<float>>> generators, RoundRobinOptions? options = null, bool leaveOpen = false,
        ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null, IMeterFactory? meterFactory = null)
        : this(Capture(generators, options, leaveOpen, loggerFactory, timeProvider, meterFactory))
    {
    }

    /// <summary>Gets the endpoints.</summary>
    public EndpointPool Pool { get; }

    /// <summary>
    /// Creates a generator over the endpoints in <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c>, or over those that <paramref name="configure"/> adds.
    /// Their deployment is <see cref="RoundRobinOptions.DeploymentName"/>, else <c>AZURE_OPENAI_EMBEDDING_DEPLOYMENT</c>, else each endpoint's own.
    /// It is always a pool: the switch <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> is not read.
    /// </summary>
    /// <param name="configure">Sets what the variables do not say, or <see langword="null"/>.</param>
    /// <param name="loggerFactory">Where the pool's logs go, warnings about the variables among them, or <see langword="null"/> for nowhere.</param>
    /// <returns>The generator, which owns its pool.</returns>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The variables or the options are at fault; the message names every fault.</exception>
    public static RoundRobinEmbeddingGenerator FromEnvironment(Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        RoundRobinOptions options = new();
        configure?.Invoke(options);
        return new(new EndpointPool(ConfigurationResolver.ForEnvironment(options, Registration.Embeddings), loggerFactory));
    }

    /// <inheritdoc/>
    /// <exception cref="System.ClientModel.ClientResultException">The request is at fault, or the only attempt failed: the SDK's own exception.</exception>
    /// <exception cref="EndpointsExhaustedException">No endpoint could answer, after more than one attempt or without any.</exception>
    /// <exception cref="TimeoutException">Two attempts ran out of time, and no healthy endpoint was left for another.</exception>
    /// <exception cref="ObjectDisposedException">The pool is disposed.</exception>
    // Not inlined into callers, so that the JIT inlines the whole path here. In a caller that knows the client's type it would inline the first half and call the other.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        AttemptLoop loop = Pool.LoopFor(options?.ModelId);
        EmbeddingOperation operation = new(new(EmbeddingRequest.Repeatable(values), options, loop.IsMapped));
        return loop.RunAsync<EmbeddingOperation, GeneratedEmbeddings<Embedding<float>>>(operation, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>Answers for this generator, its pool, and metadata of the pool as a whole. With a key it returns <see langword="null"/>.</remarks>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? Pool.Routes.EmbeddingMetadata
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

    private static EndpointPool Capture(
        IEnumerable<IEmbeddingGenerator<string, Embedding<float>>> generators, RoundRobinOptions? options, bool leaveOpen,
        ILoggerFactory? loggerFactory, TimeProvider? timeProvider, IMeterFactory? meterFactory)
    {
        ArgumentNullException.ThrowIfNull(generators);
        IEmbeddingGenerator<string, Embedding<float>>[] captured = [.. generators];
        return new EndpointPool(ConfigurationResolver.ForGenerators(captured, options), loggerFactory, timeProvider, meterFactory, () =>
        {
            foreach (IEmbeddingGenerator<string, Embedding<float>> generator in leaveOpen ? [] : captured.Distinct())
            {
                generator.Dispose();
            }
        });
    }
}
