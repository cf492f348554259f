using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using OpenAI.Embeddings;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What a user's code does with the clients that <c>EndpointPool.InvokeAsync</c> hands it: chat, embeddings, the protocol's own bytes, or it fails by itself.</summary>
internal sealed class ChaosOperation(ChaosRun run, ChaosCall call, CancellationToken callers)
{
    private double _began;

    public async Task<string[]> RunAsync(PooledClient client, CancellationToken cancellationToken)
    {
        call.Asks = (client.EndpointName, client.DeploymentName);
        _began = run.Time.Seconds;
        if (call.IsBad && call.Id % 2 == 0)
        {
            run.Check(call.Own is null, call, "was asked again after its own failure");
            throw call.Own = new ChaosOwnException();
        }

        try
        {
            return await ((call.Id % 3) switch
            {
                0 => ChatAsync(client, cancellationToken),
                1 => EmbedAsync(client, cancellationToken),
                _ => SendAsync(client, cancellationToken),
            });
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested && !callers.IsCancellationRequested)
        {
            // It may have done its work already, so nobody moves it elsewhere on a guess.
            run.Check(run.Time.Seconds - _began > run.Plan.AttemptTimeout - 1, call, $"was taken away after {run.Time.Seconds - _began:0.000} s");
            throw;
        }
    }

    private async Task<string[]> ChatAsync(PooledClient client, CancellationToken cancellationToken)
    {
        IChatClient chat = client.Client.GetChatClient(client.DeploymentName).AsIChatClient();
        ChatResponse response = await chat.GetResponseAsync(call.Prompt, cancellationToken: cancellationToken);
        return response.FinishReason is null ? throw new IOException("no finish reason") : [response.Text];
    }

    private async Task<string[]> EmbedAsync(PooledClient client, CancellationToken cancellationToken)
    {
        try
        {
            OpenAIEmbeddingCollection vectors = await client.Client.GetEmbeddingClient(client.DeploymentName).GenerateEmbeddingsAsync(call.Texts, cancellationToken: cancellationToken);
            return vectors.Count != call.Pieces
                ? throw new IOException("vectors are missing")
                : [.. vectors.Select(vector => $"[{vector.ToFloats().Span[0]:0}:{vector.ToFloats().Span[1]:0}]")];
        }
        catch (FormatException exception)
        {
            // The SDK's own word for a vector that it cannot read, which the pool must take for the user's.
            throw new IOException("a vector is empty", exception);
        }
    }

    private async Task<string[]> SendAsync(PooledClient client, CancellationToken cancellationToken)
    {
        BinaryContent body = BinaryContent.Create(BinaryData.FromString(new JsonObject
        {
            ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = call.Prompt }),
        }.ToJsonString()));
        ClientResult result = await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync(body, new RequestOptions { CancellationToken = cancellationToken });
        JsonNode? choice = JsonNode.Parse(result.GetRawResponse().Content)?["choices"]?[0];
        return choice?["finish_reason"] is null ? throw new IOException("no whole answer") : [(string)choice["message"]!["content"]!];
    }
}
