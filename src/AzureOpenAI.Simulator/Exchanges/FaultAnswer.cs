using System.Text;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>What a fault on arrival does in place of the service.</summary>
internal static class FaultAnswer
{
    public static async Task SendAsync(Exchange exchange, Fault fault)
    {
        switch (fault.Kind)
        {
            case FaultKind.Reset:
                exchange.ResetConnection();
                break;
            case FaultKind.NeverAnswer:
                await exchange.HangAsync().ConfigureAwait(false);
                break;
            default:
                await RespondAsync(exchange, fault.Answer!).ConfigureAwait(false);
                break;
        }
    }

    private static Task RespondAsync(Exchange exchange, FaultResponse answer)
    {
        var headers = exchange.Http.Response.Headers;
        headers["apim-request-id"] = exchange.RequestId;
        exchange.Spillover?.WriteTo(headers);
        foreach (var (name, value) in answer.Headers)
        {
            headers.Append(name, value);
        }

        string? contentType = answer.StreamsWhenAsked && exchange.Target.Streamed ? MediaTypes.EventStream : answer.ContentType;
        return PlainAnswer.SendAsync(exchange, answer.Status, contentType, Encoding.UTF8.GetBytes(answer.Body), LedgerOutcome.Faulted);
    }
}
