using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.AI.OpenAI;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The real SDK's clients, without its retries.</summary>
internal static class Sdk
{
    public static IChatClient Classic(SimulatedResource resource) => Of(resource).GetChatClient("gpt-4o").AsIChatClient();

    public static AzureOpenAIClient Of(SimulatedResource resource) =>
        new(resource.Endpoint, new ApiKeyCredential(resource.ApiKey), new AzureOpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(maxRetries: 0) });

    public static OpenAIClient Of(Uri v1, string key) =>
        new(new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = v1, RetryPolicy = new ClientRetryPolicy(maxRetries: 0) });

    public static IChatClient Responses(SimulatedResource resource) => Of(resource.V1Endpoint, resource.ApiKey).GetResponsesClient().AsIChatClient("gpt-4o");

    public static async Task<ChatResponse> AskAsync(this IChatClient client, string text, bool streaming, ChatOptions? options = null)
    {
        var cancellation = TestContext.Current.CancellationToken;
        return streaming
            ? await client.GetStreamingResponseAsync(text, options, cancellation).ToChatResponseAsync(cancellation)
            : await client.GetResponseAsync(text, options, cancellation);
    }
}
