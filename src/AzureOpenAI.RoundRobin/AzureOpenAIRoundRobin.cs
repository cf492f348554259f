using AzureOpenAI.RoundRobin.Chat;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Embeddings;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Creates chat clients and embedding generators for apps without a service collection, over a pool or over one endpoint, by the switch.
/// </summary>
public static class AzureOpenAIRoundRobin
{
    /// <summary>
    /// Creates a client from the environment: over all endpoints in <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c> where
    /// <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> is on, else the SDK's own client over <c>AZURE_OPENAI_ENDPOINT</c>.
    /// </summary>
    /// <param name="configure">Sets what the variables do not say, or <see langword="null"/>.</param>
    /// <param name="loggerFactory">Where logs go, warnings about the variables among them, or <see langword="null"/> for nowhere.</param>
    /// <returns>The client, which owns its pool if it has one.</returns>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The variables or the options are at fault; the message names every fault.</exception>
    public static IChatClient CreateFromEnvironment(Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        RoundRobinOptions options = new();
        configure?.Invoke(options);
        Resolution resolution = ConfigurationResolver.ForSwitch(options, Registration.Chat);
        if (resolution.IsEnabled)
        {
            return OverPool(new EndpointPool(resolution, loggerFactory));
        }

        PoolLog.Of(loggerFactory).Write(resolution.Warnings);
        return PlainChatClient.Create(resolution.Settings);
    }

    /// <summary>
    /// Creates an embedding generator from the environment: over all endpoints in <c>AZURE_OPENAI_ROUND_ROBIN_CONNECTION</c> where
    /// <c>USE_AZURE_OPENAI_ROUND_ROBIN</c> is on, else the SDK's own generator over <c>AZURE_OPENAI_ENDPOINT</c>. The deployment is
    /// <see cref="RoundRobinOptions.DeploymentName"/>, else <c>AZURE_OPENAI_EMBEDDING_DEPLOYMENT</c>, else an endpoint's own.
    /// </summary>
    /// <param name="configure">Sets what the variables do not say, or <see langword="null"/>.</param>
    /// <param name="loggerFactory">Where logs go, warnings about the variables among them, or <see langword="null"/> for nowhere.</param>
    /// <returns>The generator, which owns its pool if it has one. It shares none with a chat client.</returns>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The variables or the options are at fault; the message names every fault.</exception>
    public static IEmbeddingGenerator<string, Embedding<float>> CreateEmbeddingGeneratorFromEnvironment(
        Action<RoundRobinOptions>? configure = null, ILoggerFactory? loggerFactory = null)
    {
        RoundRobinOptions options = new();
        configure?.Invoke(options);
        Resolution resolution = ConfigurationResolver.ForSwitch(options, Registration.Embeddings);
        if (resolution.IsEnabled)
        {
            return EmbeddingsOverPool(new EndpointPool(resolution, loggerFactory));
        }

        PoolLog.Of(loggerFactory).Write(resolution.Warnings);
        return PlainEmbeddingGenerator.Create(resolution.Settings);
    }

    private static RoundRobinChatClient OverPool(EndpointPool pool) => new(pool);

    private static RoundRobinEmbeddingGenerator EmbeddingsOverPool(EndpointPool pool) => new(pool);
}
