using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>
/// The way of a request through a resource: faults on arrival, path, key, deployment, limits, content filter, answer.
/// </summary>
internal sealed class RequestHandler(IReadOnlyList<SimulatedResource> resources, Ledger ledger, string? contentFilterMarker)
{
    public async Task HandleAsync(HttpContext http)
    {
        var connection = http.Features.Get<TrackedConnection>()!;
        var resource = connection.Resource;
        var route = Route.Parse(http.Request, resource.PathPrefix);
        var exchange = new Exchange(http, connection, ledger, route, PresentedCredential.Read(http.Request, route.Kind, resource, resources));
        try
        {
            await HandleAsync(exchange).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException && exchange.Aborted.IsCancellationRequested)
        {
            exchange.FinishAborted();
        }
        catch (Exception exception) when (!http.Response.HasStarted && !exchange.IsFinished)
        {
            string message = $"The simulator or its responder threw {exception.GetType().Name}: {exception.Message}";
            await PlainAnswer.SendAsync(exchange, 500, ErrorBodies.Error("500", message), LedgerOutcome.Faulted).ConfigureAwait(false);
        }
        finally
        {
            exchange.FinishAborted();
        }
    }

    private async Task HandleAsync(Exchange exchange)
    {
        JsonElement? body;
        try
        {
            body = await RequestBody.ReadAsync(exchange.Http.Request, exchange.Aborted).ConfigureAwait(false);
        }
        catch (IOException)
        {
            exchange.FinishAborted();
            throw;
        }

        var request = IncomingRequest.Read(exchange, body);
        exchange.NoteRequest(request.Facts);

        if (exchange.Resource.Faults.PickDelay(exchange.Target) is { } delay)
        {
            exchange.NoteFault(delay);
            await exchange.DelayAsync(delay.Wait).ConfigureAwait(false);
        }

        if (exchange.Resource.Faults.PickOnArrival(exchange.Target) is { } fault)
        {
            await FaultAnswer.SendAsync(exchange, fault).ConfigureAwait(false);
            return;
        }

        if (Refusal.Of(exchange, request) is { } refusal)
        {
            await RejectAsync(exchange, refusal, LedgerOutcome.Refused, admission: null).ConfigureAwait(false);
        }
        else if (exchange.Route.Operation == ApiOperation.Models)
        {
            await ModelAnswer.SendModelsAsync(exchange).ConfigureAwait(false);
        }
        else
        {
            await AdmitAsync(exchange, request).ConfigureAwait(false);
        }
    }

    private async Task AdmitAsync(Exchange exchange, IncomingRequest request)
    {
        var deployment = exchange.Resource.Find(request.Facts.Deployment!)!;
        int tokens = request.Chat is { } chat ? deployment.EstimateTokens(chat) : request.Embeddings!.EstimatedTokens;
        exchange.NoteEstimate(tokens);
        var admission = deployment.Limiter.Admit(tokens);
        if (admission.Verdict != AdmissionVerdict.Admitted)
        {
            long seconds = (long)Math.Ceiling(admission.RetryAfter.TotalSeconds);
            var rejection = new Refusal(429, ErrorBodies.RateLimit(exchange.Route.Operation, admission.Verdict, seconds));
            await RejectAsync(exchange, rejection, LedgerOutcome.Throttled, admission).ConfigureAwait(false);
        }
        else if (contentFilterMarker is not null && request.Chat?.Messages.Any(message => message.Text.Contains(contentFilterMarker, StringComparison.Ordinal)) == true)
        {
            await RejectAsync(exchange, new Refusal(400, ErrorBodies.ContentFilter), LedgerOutcome.Refused, admission).ConfigureAwait(false);
        }
        else
        {
            var fault = exchange.Resource.Faults.PickInAnswer(exchange.Target);
            await ModelAnswer.SendAsync(exchange, request, deployment, admission, fault).ConfigureAwait(false);
        }
    }

    private static async Task RejectAsync(Exchange exchange, Refusal refusal, LedgerOutcome outcome, Admission? admission)
    {
        await exchange.DelayAsync(exchange.Resource.RejectionLatency).ConfigureAwait(false);
        await PlainAnswer.SendAsync(exchange, refusal.Status, refusal.Body, outcome, admission).ConfigureAwait(false);
    }
}
