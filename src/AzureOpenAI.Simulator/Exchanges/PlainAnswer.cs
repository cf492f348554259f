using System.Text;

namespace AzureOpenAI.Simulator;

/// <summary>Answers whose body is known as a whole.</summary>
internal static class PlainAnswer
{
    public static Task SendAsync(Exchange exchange, int status, string body, LedgerOutcome outcome, Admission? admission = null)
    {
        ServiceHeaders.Write(exchange, status, admission);
        return SendAsync(exchange, status, MediaTypes.Json, Encoding.UTF8.GetBytes(body), outcome);
    }

    public static async Task SendAsync(Exchange exchange, int status, string? contentType, ReadOnlyMemory<byte> body, LedgerOutcome outcome)
    {
        exchange.Aborted.ThrowIfCancellationRequested();
        Begin(exchange, status, contentType, body.Length);
        exchange.Finish(outcome);
        await exchange.SendAsync(body).ConfigureAwait(false);
    }

    /// <summary>Sends the first half of the body and lets the fault do the rest.</summary>
    public static async Task SendAsync(Exchange exchange, ReadOnlyMemory<byte> body, Fault fault)
    {
        var half = body[..(body.Length / 2)];
        switch (fault.Kind)
        {
            case FaultKind.ErrorEvent or FaultKind.Failed:
                string error = ErrorBodies.StreamError(fault.Text, fault.Code);
                await SendAsync(exchange, 200, MediaTypes.Json, Encoding.UTF8.GetBytes(error), LedgerOutcome.Faulted).ConfigureAwait(false);
                break;
            case FaultKind.End:
                await SendAsync(exchange, 200, MediaTypes.Json, half, LedgerOutcome.Faulted).ConfigureAwait(false);
                break;
            default:
                Begin(exchange, 200, MediaTypes.Json, body.Length);
                await exchange.SendAsync(half).ConfigureAwait(false);
                await InterruptAsync(exchange, fault).ConfigureAwait(false);
                break;
        }
    }

    public static async Task InterruptAsync(Exchange exchange, Fault fault)
    {
        if (fault.Kind == FaultKind.Stall)
        {
            await exchange.HangAsync().ConfigureAwait(false);
        }
        else
        {
            exchange.ResetConnection();
        }
    }

    private static void Begin(Exchange exchange, int status, string? contentType, int length)
    {
        exchange.NoteStatus(status);
        exchange.Http.Response.ContentType = contentType;
        if (status is not (204 or 304))
        {
            exchange.Http.Response.ContentLength = length;
        }
    }
}
