using AzureOpenAI.RoundRobin;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Embeddings;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Microsoft.Extensions.DependencyInjection;

public static partial class AzureOpenAIRoundRobinServiceCollectionExtensions
{
    /// <summary>
    /// Registers the app's embedding generator. It reads the same variables as the chat client, shares no state with it, and takes its deployment from
    /// <see cref="RoundRobinOptions.DeploymentName"/>, else from <c>AZURE_OPENAI_EMBEDDING_DEPLOYMENT</c>, else from each endpoint; never from
    /// <c>AZURE_OPENAI_DEPLOYMENT</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets what configuration does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for the middleware around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> is <see langword="null"/>.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        RegisterGenerator(services, Registration.Embeddings, configure);
        return services.AddEmbeddingGenerator(provider => CreateGenerator(provider, Registration.Embeddings));
    }

    /// <summary>Registers the app's embedding generator, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the variables by their names.</param>
    /// <param name="configure">Sets what the section does not say, or <see langword="null"/>.</param>
    /// <returns>A builder for the middleware around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.Embeddings, section);
        return services.AddAzureOpenAIRoundRobinEmbeddingGenerator(configure);
    }

    /// <summary>
    /// Registers another embedding generator under a key, for a second model. It reads the same variables and shares no state with other registrations, nor with
    /// a chat client of the same key.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="configure">Names the deployment, and what else configuration does not say, or <see langword="null"/>.</param>
    /// <remarks>
    /// The key is text, since the registration's <see cref="RoundRobinOptions"/> and messages about them are named after it: the options are those for
    /// <c>Configure&lt;RoundRobinOptions&gt;("AzureOpenAI.RoundRobin.Embeddings:" + key, ...)</c>. The generator is a singleton, since its pool must keep what it has learned of the endpoints.
    /// </remarks>
    /// <returns>A builder for the middleware around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/> or <paramref name="serviceKey"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, string serviceKey, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        Registration registration = Registration.KeyedEmbeddings(serviceKey);
        RegisterGenerator(services, registration, configure);
        return services.AddKeyedEmbeddingGenerator(serviceKey, provider => CreateGenerator(provider, registration));
    }

    /// <summary>Registers another embedding generator under a key, with its endpoints in a section of the configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key, for <see cref="FromKeyedServicesAttribute"/>.</param>
    /// <param name="section">A section that is the array of endpoints, or that holds the variables by their names.</param>
    /// <param name="configure">Names the deployment, and what else the section does not say, or <see langword="null"/>.</param>
    /// <inheritdoc cref="AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(IServiceCollection, string, Action{RoundRobinOptions}?)" path="/remarks"/>
    /// <returns>A builder for the middleware around the generator, such as <c>UseDistributedCache</c>.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="services"/>, <paramref name="serviceKey"/> or <paramref name="section"/> is <see langword="null"/>.</exception>
    /// <exception cref="ArgumentException"><paramref name="serviceKey"/> is empty.</exception>
    public static EmbeddingGeneratorBuilder<string, Embedding<float>> AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(
        this IServiceCollection services, string serviceKey, IConfiguration section, Action<RoundRobinOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        ArgumentNullException.ThrowIfNull(section);
        UseSection(services, Registration.KeyedEmbeddings(serviceKey), section);
        return services.AddKeyedAzureOpenAIRoundRobinEmbeddingGenerator(serviceKey, configure);
    }

    /// <summary>The pool is registered under the registration's own name, so that it is not resolved as the chat client's, and so that the container disposes it.</summary>
    private static void RegisterGenerator(IServiceCollection services, Registration registration, Action<RoundRobinOptions>? configure)
    {
        Register(services, registration, configure);
        services.TryAddKeyedSingleton(registration.Name, (provider, _) => CreatePool(provider, registration)!);
    }

    private static IEmbeddingGenerator<string, Embedding<float>> CreateGenerator(IServiceProvider provider, Registration registration) =>
        provider.GetKeyedService<EndpointPool>(registration.Name) is { } pool
            ? new RoundRobinEmbeddingGenerator(pool, leaveOpen: true)
            : PlainEmbeddingGenerator.Create(SingleOf(provider, registration));
}
