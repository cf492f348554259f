using System.Buffers;
using System.Globalization;
using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>The answers of the Responses API: new responses, and those that a resource keeps.</summary>
internal static class ResponseAnswer
{
    public static async Task SendAsync(Exchange exchange, IncomingRequest request, SimulatedDeployment deployment, ChatReply reply, TokenUsage usage, Fault? fault)
    {
        var asked = request.Response!;
        var store = exchange.Resource.Responses;
        var clock = exchange.Resource.Clock;
        var context = new ResponseContext(
            exchange.Resource.Name, exchange.Sequence, clock.Now.ToUnixTimeSeconds(), reply.Model ?? deployment.Model, asked, reply, usage)
        {
            History = store.HistoryOf(asked),
            Error = fault is { Kind: FaultKind.Failed } && !request.Facts.Streamed ? (fault.Code!, fault.Text) : null,
        };
        var work = asked.InBackground ? exchange.Resource.Random.Sample(deployment.Latency) : TimeSpan.Zero;
        var stored = new StoredResponse(context, deployment, ResponseEvents.Create(context), clock.Elapsed + work, clock);
        store.Keep(stored);
        if (request.Facts.Streamed)
        {
            await StreamedAnswer.SendAsync(exchange, stored.Events, deployment, fault, context).ConfigureAwait(false);
            return;
        }

        var body = new ArrayBufferWriter<byte>(2048);
        ResponseBody.Write(body, context, asked.InBackground ? "queued" : context.FinalStatus);
        await (fault is null or { Kind: FaultKind.Failed or FaultKind.UnknownEvent }
            ? PlainAnswer.SendAsync(exchange, 200, MediaTypes.Json, body.WrittenMemory, fault is { Kind: FaultKind.Failed } ? LedgerOutcome.Faulted : LedgerOutcome.Answered)
            : PlainAnswer.SendAsync(exchange, body.WrittenMemory, fault)).ConfigureAwait(false);
    }

    /// <summary>Answers what is asked of a stored response, which exists.</summary>
    public static Task SendStoredAsync(Exchange exchange, StoredResponse stored)
    {
        ServiceHeaders.Write(exchange, 200, admission: null);
        var body = new ArrayBufferWriter<byte>(2048);
        switch (exchange.Route.Operation)
        {
            case ApiOperation.ResponseDelete:
                exchange.Resource.Responses.Delete(stored.Context.Id);
                return SendAsync(exchange, $$"""{"id":"{{stored.Context.Id}}","object":"response","deleted":true}""");
            case ApiOperation.ResponseCancel:
                stored.Cancel();
                break;
            default:
                if (exchange.Target.Streamed)
                {
                    var fault = exchange.Resource.Faults.PickInAnswer(exchange.Target);
                    if (fault is not null)
                    {
                        exchange.NoteFault(fault);
                    }

                    return StreamedAnswer.SendAsync(exchange, stored.Events, stored.Deployment, fault, stored.Context, FirstEvent(exchange));
                }

                break;
        }

        ResponseBody.Write(body, stored.Context, stored.Status);
        return PlainAnswer.SendAsync(exchange, 200, MediaTypes.Json, body.WrittenMemory, LedgerOutcome.Answered);
    }

    public static Task SendConversationAsync(Exchange exchange)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"conv_{exchange.Sequence:x48}");
        exchange.Resource.Responses.AddConversation(id);
        ServiceHeaders.Write(exchange, 200, admission: null);
        return SendAsync(exchange, $$$"""{"id":"{{{id}}}","object":"conversation","created_at":{{{exchange.Resource.Clock.Now.ToUnixTimeSeconds()}}},"metadata":{}}""");
    }

    private static Task SendAsync(Exchange exchange, string body) =>
        PlainAnswer.SendAsync(exchange, 200, MediaTypes.Json, Encoding.UTF8.GetBytes(body), LedgerOutcome.Answered);

    private static int FirstEvent(Exchange exchange) =>
        int.TryParse(exchange.Http.Request.Query["starting_after"], CultureInfo.InvariantCulture, out int last) ? Math.Max(0, last + 1) : 0;
}
