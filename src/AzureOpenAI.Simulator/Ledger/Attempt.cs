namespace AzureOpenAI.Simulator;

/// <summary>An attempt while it runs. Written by its exchange alone, under the ledger's lock.</summary>
internal sealed class Attempt
{
    public long Sequence { get; set; }

    public required string Resource { get; init; }

    public required DateTimeOffset ArrivedAt { get; init; }

    public required ApiOperation Operation { get; init; }

    public required RouteKind Route { get; init; }

    public required string PresentedKey { get; init; }

    public string RequestId { get; set; } = "";

    public string? ClientRequestId { get; init; }

    public LedgerTally? Tally { get; set; }

    public DateTimeOffset? CompletedAt { get; set; }

    public string? Deployment { get; set; }

    public int? Status { get; set; }

    public LedgerOutcome Outcome { get; set; }

    public string? Fault { get; set; }

    public bool Streamed { get; set; }

    public int EventsSent { get; set; }

    public int EstimatedTokens { get; set; }

    public int CachedTokens { get; set; }

    public string? ServedBy { get; set; }

    public string? LastUserText { get; set; }

    public string? ServiceTier { get; set; }
}
