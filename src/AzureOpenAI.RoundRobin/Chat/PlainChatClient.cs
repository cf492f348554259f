using System.Diagnostics.CodeAnalysis;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What an app gets while the switch is off: the SDK's own client, given the same defaults by Microsoft.Extensions.AI. No class of ours is in its path.</summary>
/// <remarks>A ready-made client is given them too, so that its answers are the same on both sides of the switch.</remarks>
internal static class PlainChatClient
{
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The client that is returned disposes the one inside.")]
    public static IChatClient Create(PoolSettings settings)
    {
        EndpointSettings endpoint = settings.Endpoints[0];
        IChatClient client = endpoint.ChatClient is { } readyMade
            ? new LeftOpenChatClient(readyMade)
            : SdkClients.CreatePlain(endpoint, settings.HttpClient).GetChatClient(endpoint.Deployment).AsIChatClient();
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
