using System.Text.Json;

namespace AzureOpenAI.Simulator;

/// <summary>A request's body, read for what its operation needs. Neither chat nor embeddings: it asks for something else, or its body is no JSON.</summary>
internal sealed record IncomingRequest(RequestFacts Facts, ChatRequest? Chat, EmbeddingRequest? Embeddings)
{
    /// <summary>What the Responses API adds to a chat request.</summary>
    public ResponseRequest? Response { get; private init; }

    /// <summary>The stored response that the request is about, if there is one of its id.</summary>
    public StoredResponse? Stored { get; private init; }

    public static IncomingRequest Read(Exchange exchange, JsonElement? body)
    {
        string? deployment = exchange.Route.Deployment;
        if (exchange.Route.ResponseId is { } id)
        {
            var stored = exchange.Resource.Responses.Find(id);
            bool streamed = exchange.Route.Operation == ApiOperation.ResponseRead
                && string.Equals(exchange.Http.Request.Query["stream"], "true", StringComparison.OrdinalIgnoreCase);
            return new(new(stored?.Deployment.Name, streamed, LastUserText: null), null, null) { Stored = stored };
        }

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
                return new(new(deployment, chat.Streamed, chat.LastUserText, json.ReadString("service_tier"u8)), chat, null);
            case ApiOperation.Responses:
                var response = ResponseRequest.Read(json);
                var messages = response.MessagesAfter(exchange.Resource.Responses.HistoryOf(response));
                var asked = new ChatRequest(exchange.Resource.Name, deployment ?? "", json, messages);
                return new(new(deployment, asked.Streamed, asked.LastUserText, response.ServiceTier), asked, null) { Response = response };
            case ApiOperation.Embeddings:
                var embeddings = new EmbeddingRequest(json);
                return new(new(deployment, Streamed: false, embeddings.Inputs is [.., var last] ? last : null), null, embeddings);
            default:
                return new(new(deployment, Streamed: false, LastUserText: null), null, null);
        }
    }
}
