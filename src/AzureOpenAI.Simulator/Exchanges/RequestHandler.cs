using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>
/// The way of a request through a resource: faults on arrival, path, key, deployment, limits, content filter, spill-over, answer.
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

        var fault = await MeetFaultsAsync(exchange, exchange.Target).ConfigureAwait(false);
        var refusal = Refusal.Of(exchange, request);
        if (refusal is null && exchange.Route.IsServedByModel)
        {
            await ServeAsync(exchange, request, exchange.Resource.Find(request.Facts.Deployment!)!, fault).ConfigureAwait(false);
        }
        else if (fault is not null)
        {
            await FaultAnswer.SendAsync(exchange, fault).ConfigureAwait(false);
        }
        else if (refusal is not null)
        {
            await refusal.SendAsync(exchange, LedgerOutcome.Refused).ConfigureAwait(false);
        }
        else
        {
            await (exchange.Route.Operation switch
            {
                ApiOperation.Models => ModelAnswer.SendModelsAsync(exchange),
                ApiOperation.Conversations => ResponseAnswer.SendConversationAsync(exchange),
                _ => ResponseAnswer.SendStoredAsync(exchange, request.Stored!),
            }).ConfigureAwait(false);
        }
    }

    private async Task ServeAsync(Exchange exchange, IncomingRequest request, SimulatedDeployment deployment, Fault? fault)
    {
        var decision = Decision.Of(exchange, request, deployment, fault, contentFilterMarker);
        if (Spillover.IsCausedBy(decision.Failure) && Spillover.TargetOf(deployment, exchange.Http.Request) is { } target)
        {
            decision = await SpillOverAsync(exchange, request, decision, target).ConfigureAwait(false);
        }

        await decision.SendAsync(exchange, request).ConfigureAwait(false);
    }

    /// <summary>Asks the target. If it fails too, the first decision stands.</summary>
    private async Task<Decision> SpillOverAsync(Exchange exchange, IncomingRequest request, Decision first, string target)
    {
        if (exchange.Resource.Find(target) is not { Bucket: null } deployment)
        {
            exchange.Spillover = new(first.Deployment.Name, target, Error: 404);
            return first;
        }

        var fault = await MeetFaultsAsync(exchange, exchange.Target with { Deployment = deployment.Name }).ConfigureAwait(false);
        var second = Decision.Of(exchange, request, deployment, fault, contentFilterMarker);
        exchange.Spillover = new(first.Deployment.Name, deployment.Name, second.Failure);
        return second.Failure is null ? second : first;
    }

    /// <summary>Waits as long as faults say; returns the one, if any, that takes the place of the answer.</summary>
    private static async Task<Fault?> MeetFaultsAsync(Exchange exchange, FaultTarget target)
    {
        if (exchange.Resource.Faults.PickDelay(target) is { } delay)
        {
            exchange.NoteFault(delay);
            await exchange.DelayAsync(delay.Wait).ConfigureAwait(false);
        }

        var fault = exchange.Resource.Faults.PickOnArrival(target);
        if (fault is not null)
        {
            exchange.NoteFault(fault);
            await exchange.DelayAsync(fault.Wait).ConfigureAwait(false);
        }

        return fault;
    }
}
