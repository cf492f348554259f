using AzureOpenAI.RoundRobin.Chat;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Creates chat clients for apps without a service collection, over a pool or over one endpoint as the switch says.
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
        Resolution resolution = ConfigurationResolver.ForSwitch(options);
        if (resolution.IsEnabled)
        {
            return OverPool(new EndpointPool(resolution, loggerFactory));
        }

        PoolLog.Of(loggerFactory).Tell(resolution.Warnings);
        return PlainChatClient.Create(resolution.Settings);
    }

    private static RoundRobinChatClient OverPool(EndpointPool pool) => new(pool);
}
