using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What an app gets while the switch is off: the SDK's own client, given the same defaults by Microsoft.Extensions.AI. No class of ours is in its path.</summary>
internal static class PlainChatClient
{
    public static IChatClient Create(PoolSettings settings)
    {
        EndpointSettings endpoint = settings.Endpoints[0];
        if (endpoint.ChatClient is { } readyMade)
        {
            return readyMade;
        }

        IChatClient client = EndpointClients.CreatePlain(endpoint, settings.HttpClient).GetChatClient(endpoint.Deployment).AsIChatClient();
        return new ConfigureOptionsChatClient(client, options =>
        {
            options.Temperature ??= endpoint.Temperature;
            options.MaxOutputTokens ??= endpoint.MaxOutputTokens;
            if (endpoint.Kind == EndpointKind.V1 && options.ModelId is { } model)
            {
                options.ModelId = endpoint.Deployments.GetValueOrDefault(model, endpoint.Deployment!);
            }
        });
    }
}
