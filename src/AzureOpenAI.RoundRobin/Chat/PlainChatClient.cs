using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>The client while the switch is off: the SDK's own, with the configured defaults set by Microsoft.Extensions.AI. No class of this library is in its path.</summary>
/// <remarks>A ready-made client gets the defaults too, so that its answers do not depend on the switch.</remarks>
internal static class PlainChatClient
{
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The client that is returned disposes the one inside.")]
    public static IChatClient Create(PoolSettings settings)
    {
        EndpointSettings endpoint = settings.Endpoints[0];
        IChatClient client = endpoint.ChatClient is { } readyMade
            ? new LeftOpenChatClient(readyMade)
            : SdkClients.Chat(SdkClients.CreatePlain(endpoint, settings.HttpClient), endpoint.Api, endpoint.Deployment);
        return new ConfigureOptionsChatClient(client, options =>
        {
            options.Temperature ??= endpoint.Temperature;
            options.MaxOutputTokens ??= endpoint.MaxOutputTokens;
            if (options.ModelId is { } model && endpoint.Kind != EndpointKind.Classic)
            {
                options.ModelId = endpoint.Deployments.GetValueOrDefault(model, endpoint.Kind == EndpointKind.V1 ? endpoint.Deployment! : model);
            }
        });
    }
}
