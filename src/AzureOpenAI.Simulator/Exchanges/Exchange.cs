using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>One request on its way through a resource: what it may do to the connection, and what the ledger records of it.</summary>
internal sealed class Exchange
{
    private readonly TrackedConnection _connection;
    private readonly Ledger _ledger;
    private readonly Attempt _attempt;
    private SimulatedDeployment? _admittedBy;
    private Arrival _arrival;
    private int _work;

    public Exchange(HttpContext http, TrackedConnection connection, Ledger ledger, Route route, PresentedCredential credential)
    {
        Http = http;
        Route = route;
        Credential = credential;
        _connection = connection;
        _ledger = ledger;
        _attempt = new Attempt
        {
            Resource = connection.Resource.Name,
            ArrivedAt = connection.Resource.Clock.Now,
            Operation = route.Operation,
            Route = route.Kind,
            Deployment = route.Deployment,
            PresentedKey = credential.Owner,
            ClientRequestId = http.Request.Headers["x-ms-client-request-id"],
        };
        ledger.Open(_attempt);
    }

    public HttpContext Http { get; }

    public Route Route { get; }

    public PresentedCredential Credential { get; }

    public SimulatedResource Resource => _connection.Resource;

    public CancellationToken Aborted => Http.RequestAborted;

    public long Sequence => _attempt.Sequence;

    public bool IsFinished { get; private set; }

    public string RequestId => _attempt.RequestId;

    public string? ClientRequestId => _attempt.ClientRequestId;

    /// <summary>What became of the request on another deployment, if it was spilled over.</summary>
    public Spillover? Spillover { get; set; }

    public FaultTarget Target => new(_attempt.Operation, _attempt.Deployment, _attempt.Streamed, _attempt.ServiceTier);

    public Task DelayAsync(Latency latency) => Resource.Clock.DelayAsync(Resource.Random.Sample(latency), Aborted);

    /// <summary>Returns when the socket has taken the bytes.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await Http.Response.BodyWriter.WriteAsync(bytes, Aborted).ConfigureAwait(false);

    public void NoteRequest(RequestFacts facts) => _ledger.Update(_attempt, facts, static (attempt, facts) =>
    {
        attempt.Deployment = facts.Deployment;
        attempt.Streamed = facts.Streamed;
        attempt.LastUserText = facts.LastUserText;
        attempt.ServiceTier = facts.ServiceTier;
    });

    /// <summary>Records the arrival at a deployment. What it charged is settled when the exchange ends.</summary>
    public void NoteArrival(SimulatedDeployment deployment, Arrival arrival)
    {
        _ledger.Update(_attempt, arrival, static (attempt, arrival) =>
        {
            attempt.EstimatedTokens = arrival.EstimatedTokens;
            attempt.CachedTokens = arrival.CachedTokens;
        });
        if (arrival.Admission.Verdict == AdmissionVerdict.Admitted)
        {
            (_admittedBy, _arrival, _work) = (deployment, arrival, arrival.PromptWork);
        }
    }

    public void NoteServedBy(SimulatedDeployment deployment) =>
        _ledger.Update(_attempt, deployment.Name, static (attempt, name) => attempt.ServedBy = name);

    public void NoteWork(int tokens) => _work = tokens;

    public void NoteStatus(int status)
    {
        Http.Response.StatusCode = status;
        _ledger.Update(_attempt, status, static (attempt, status) => attempt.Status = status);
    }

    public void NoteFault(Fault fault) => _ledger.Update(_attempt, fault, static (attempt, fault) =>
        attempt.Fault = attempt.Fault is null ? fault.Name : $"{attempt.Fault}, {fault.Name}");

    public void NoteEvents(int events) => _ledger.Update(_attempt, events, static (attempt, events) => attempt.EventsSent = events);

    /// <summary>Records the end. Called before the last byte is sent, so that the client's view is never ahead of the ledger.</summary>
    public void Finish(LedgerOutcome outcome)
    {
        if (!IsFinished)
        {
            IsFinished = true;
            _admittedBy?.Settle(_arrival, _work);
            _ledger.Close(_attempt, outcome);
        }
    }

    public void FinishAborted() => Finish(_connection.WasCut ? LedgerOutcome.CutByServer : LedgerOutcome.AbortedByClient);

    /// <summary>Never returns: ends by exception when the connection does.</summary>
    public Task HangAsync() => Task.Delay(Timeout.InfiniteTimeSpan, Resource.Clock.TimeProvider, Aborted);

    public void ResetConnection()
    {
        Finish(LedgerOutcome.Faulted);
        _connection.Reset();
        Http.Abort();
    }
}
