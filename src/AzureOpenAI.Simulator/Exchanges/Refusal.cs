namespace AzureOpenAI.Simulator;

/// <summary>Why the service will not look at a request, in the order in which it finds out.</summary>
internal sealed record Refusal(int Status, string Body)
{
    public static Refusal? Of(Exchange exchange, IncomingRequest request)
    {
        if (!exchange.Route.IsKnown)
        {
            return new(404, ErrorBodies.ResourceNotFound);
        }

        if (exchange.Credential.Refusal is { } body)
        {
            return new(401, body);
        }

        return exchange.Route.IsServedByModel ? OfBody(exchange, request) : OfStored(exchange, request);
    }

    public async Task SendAsync(Exchange exchange, LedgerOutcome outcome, Admission? admission = null)
    {
        await exchange.DelayAsync(exchange.Resource.RejectionLatency).ConfigureAwait(false);
        await PlainAnswer.SendAsync(exchange, Status, Body, outcome, admission).ConfigureAwait(false);
    }

    private static Refusal? OfBody(Exchange exchange, IncomingRequest request)
    {
        if (request.Chat is null && request.Embeddings is null)
        {
            return new(400, ErrorBodies.InvalidRequest("We could not parse the JSON body of your request."));
        }

        if (request.Facts.Deployment is not { Length: > 0 } deployment)
        {
            return Missing("model");
        }

        if (exchange.Resource.Find(deployment) is null)
        {
            return new(404, ErrorBodies.DeploymentNotFound);
        }

        return request.Response is { Input.Count: 0, PreviousId: null, ConversationId: null } ? Missing("input")
            : request.Response is { } response ? exchange.Resource.Responses.RefusalOf(response)
            : request.Chat is { Messages.Count: 0 } ? Missing("messages")
            : request.Embeddings is { Inputs.Count: 0 } ? Missing("input")
            : request.Embeddings is { Dimensions: <= 0 or > 65536 } ? new(400, ErrorBodies.InvalidRequest("Invalid value for 'dimensions'.", "dimensions", "invalid_value"))
            : null;
    }

    private static Refusal? OfStored(Exchange exchange, IncomingRequest request)
    {
        if (exchange.Route.ResponseId is not { } id)
        {
            return null;
        }

        return request.Stored is null ? new(404, ErrorBodies.NotFound("Response", id))
            : request.Facts.Streamed && !request.Stored.Context.Request.InBackground
                ? new(400, ErrorBodies.InvalidRequest("This response cannot be streamed because it was not created with background=true.", "stream"))
            : exchange.Route.Operation == ApiOperation.ResponseCancel && !request.Stored.Context.Request.InBackground
                ? new(400, ErrorBodies.InvalidRequest("Cannot cancel a synchronous response."))
            : null;
    }

    private static Refusal Missing(string parameter) =>
        new(400, ErrorBodies.InvalidRequest($"Missing required parameter: '{parameter}'.", parameter, "missing_required_parameter"));
}
