using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The real SDK's clients, without its retries.</summary>
internal static class Sdk
{
    public static IChatClient Classic(SimulatedResource resource) => Of(resource).GetChatClient("gpt-4o").AsIChatClient();

    public static AzureOpenAIClient Of(SimulatedResource resource) =>
        new(resource.Endpoint, new ApiKeyCredential(resource.ApiKey), new AzureOpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(maxRetries: 0) });
}
