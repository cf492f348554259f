namespace AzureOpenAI.Simulator;

/// <summary>
/// One attempt as a resource saw it. Immutable: an attempt that was in progress when the ledger was read stays so in this entry.
/// </summary>
public sealed class LedgerEntry
{
    internal LedgerEntry(Attempt attempt)
    {
        Sequence = attempt.Sequence;
        Resource = attempt.Resource;
        ArrivedAt = attempt.ArrivedAt;
        CompletedAt = attempt.CompletedAt;
        Operation = attempt.Operation;
        Route = attempt.Route;
        Deployment = attempt.Deployment;
        PresentedKey = attempt.PresentedKey;
        Status = attempt.Status;
        Outcome = attempt.Outcome;
        Fault = attempt.Fault;
        Streamed = attempt.Streamed;
        EventsSent = attempt.EventsSent;
        EstimatedTokens = attempt.EstimatedTokens;
        CachedTokens = attempt.CachedTokens;
        ServedBy = attempt.ServedBy;
        LastUserText = attempt.LastUserText;
        ServiceTier = attempt.ServiceTier;
        RequestId = attempt.RequestId;
        ClientRequestId = attempt.ClientRequestId;
    }

    /// <summary>Gets the number of the attempt, counted over all resources from 1 in order of arrival.</summary>
    public long Sequence { get; }

    /// <summary>Gets the name of the resource that was asked.</summary>
    public string Resource { get; }

    /// <summary>Gets the time of arrival, by the simulator's clock.</summary>
    public DateTimeOffset ArrivedAt { get; }

    /// <summary>Gets the time at which the attempt ended, by the simulator's clock, or <see langword="null"/> while it is in progress.</summary>
    public DateTimeOffset? CompletedAt { get; }

    /// <summary>Gets what was asked for.</summary>
    public ApiOperation Operation { get; }

    /// <summary>Gets the way in which the service was addressed.</summary>
    public RouteKind Route { get; }

    /// <summary>Gets the deployment that was asked for, which need not exist, or <see langword="null"/> if none was.</summary>
    public string? Deployment { get; }

    /// <summary>
    /// Gets whose key was presented: the name of the resource that it belongs to, <c>token</c> for an accepted bearer token, <c>unknown</c>, or <c>none</c>. Never the key.
    /// </summary>
    public string PresentedKey { get; }

    /// <summary>Gets the HTTP status that was sent, or <see langword="null"/> if none was.</summary>
    public int? Status { get; }

    /// <summary>Gets how the attempt ended.</summary>
    public LedgerOutcome Outcome { get; }

    /// <summary>Gets the names of the faults that were applied, or <see langword="null"/> if none was.</summary>
    public string? Fault { get; }

    /// <summary>Gets a value indicating whether the request asked for a stream.</summary>
    public bool Streamed { get; }

    /// <summary>Gets the number of events sent in a stream, <c>[DONE]</c> included.</summary>
    public int EventsSent { get; }

    /// <summary>Gets the tokens, estimated on arrival, that the limits were charged with by the deployment asked last; 0 if the request did not get that far.</summary>
    public int EstimatedTokens { get; }

    /// <summary>Gets the tokens of the prompt that the deployment's prompt cache held on arrival.</summary>
    public int CachedTokens { get; }

    /// <summary>Gets the deployment whose model answered: after a spill-over not the one that was asked for. <see langword="null"/> if none did.</summary>
    public string? ServedBy { get; }

    /// <summary>Gets the text of the last user message, or of the last embedding input, or <see langword="null"/> if there is none.</summary>
    public string? LastUserText { get; }

    /// <summary>Gets the service tier that the request asked for, or <see langword="null"/> if it asked for none.</summary>
    public string? ServiceTier { get; }

    /// <summary>Gets the id that the resource gave the request: its <c>apim-request-id</c> header.</summary>
    public string RequestId { get; }

    /// <summary>Gets the id that the client gave the request in <c>x-ms-client-request-id</c>, or <see langword="null"/>.</summary>
    public string? ClientRequestId { get; }

    /// <summary>Returns a line for test output.</summary>
    /// <returns>The number, resource, deployment, status, outcome and fault.</returns>
    public override string ToString() =>
        $"#{Sequence} {Resource}/{Deployment ?? "-"} {Operation} {Status?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "-"} {Outcome}{(Fault is null ? "" : $" ({Fault})")}";
}
