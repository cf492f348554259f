namespace AzureOpenAI.Simulator;

/// <summary>How one deployment will answer a request: by a fault, by a refusal, or, with neither, by its model. Nothing has been sent yet.</summary>
internal sealed record Decision(SimulatedDeployment Deployment, Fault? Fault, Refusal? Refusal, Arrival Arrival)
{
    /// <summary>The error status of the answer; <see langword="null"/> if it will be none, or no answer at all.</summary>
    public int? Failure => Fault is null ? Refusal?.Status : Fault.Answer is { Status: >= 400 and var status } ? status : null;

    public static Decision Of(Exchange exchange, IncomingRequest request, SimulatedDeployment deployment, Fault? fault, string? contentFilterMarker)
    {
        if (fault is not null)
        {
            return new(deployment, fault, null, default);
        }

        var arrival = deployment.Admit(request);
        exchange.NoteArrival(deployment, arrival);
        return new(deployment, null, RefusalOf(exchange, request, arrival.Admission, contentFilterMarker), arrival);
    }

    public async Task SendAsync(Exchange exchange, IncomingRequest request)
    {
        if (Fault is not null)
        {
            await FaultAnswer.SendAsync(exchange, Fault).ConfigureAwait(false);
        }
        else if (Refusal is not null)
        {
            var outcome = Refusal.Status == 429 ? LedgerOutcome.Throttled : LedgerOutcome.Refused;
            await Refusal.SendAsync(exchange, outcome, Arrival.Admission).ConfigureAwait(false);
        }
        else
        {
            exchange.NoteServedBy(Deployment);
            var fault = exchange.Resource.Faults.PickInAnswer(exchange.Target with { Deployment = Deployment.Name });
            await ModelAnswer.SendAsync(exchange, request, Deployment, Arrival, fault).ConfigureAwait(false);
        }
    }

    private static Refusal? RefusalOf(Exchange exchange, IncomingRequest request, Admission admission, string? contentFilterMarker)
    {
        if (admission.Verdict != AdmissionVerdict.Admitted)
        {
            return new(429, ErrorBodies.RateLimit(exchange.Route.Operation, admission.Verdict, admission.Hint));
        }

        return contentFilterMarker is not null && request.Chat?.Messages.Any(message => message.Text.Contains(contentFilterMarker, StringComparison.Ordinal)) == true
            ? new(400, ErrorBodies.ContentFilter)
            : null;
    }
}
