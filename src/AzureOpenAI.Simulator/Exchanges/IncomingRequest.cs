using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>A request's body, read for what its operation needs. Neither chat nor embeddings: it asks for something else, or its body is no JSON.</summary>
internal sealed record IncomingRequest(RequestFacts Facts, ChatRequest? Chat, EmbeddingRequest? Embeddings)
{
    public static IncomingRequest Read(Exchange exchange, JsonElement? body)
    {
        string? deployment = exchange.Route.Deployment;
        if (body is not { } json)
        {
            return new(new(deployment, Streamed: false, LastUserText: null), null, null);
        }

        if (exchange.Route.Kind == RouteKind.V1)
        {
            deployment = json.ReadString("model"u8);
        }

        switch (exchange.Route.Operation)
        {
            case ApiOperation.Chat:
                var chat = new ChatRequest(exchange.Resource.Name, deployment ?? "", json);
                return new(new(deployment, chat.Streamed, chat.LastUserText), chat, null);
            case ApiOperation.Embeddings:
                var embeddings = new EmbeddingRequest(json);
                return new(new(deployment, Streamed: false, embeddings.Inputs is [.., var last] ? last : null), null, embeddings);
            default:
                return new(new(deployment, Streamed: false, LastUserText: null), null, null);
        }
    }
}
