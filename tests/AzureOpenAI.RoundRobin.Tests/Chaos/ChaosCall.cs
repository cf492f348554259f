using System.Globalization;
using AzureOpenAI.RoundRobin.Balancing;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>A call as its caller knows it, with all that was tried for it.</summary>
internal sealed class ChaosCall(int id, ChaosKind kind, string model, int pieces, double began)
{
    public int Id { get; } = id;

    public ChaosKind Kind { get; } = kind;

    public bool IsStream => Kind == ChaosKind.Stream;

    public string Model { get; } = model;

    /// <summary>In how many pieces the answer comes, if it is streamed, and of how many texts it asks the vectors.</summary>
    public int Pieces { get; } = pieces;

    public double Began { get; } = began;

    public double SuspendedBefore { get; init; }

    /// <summary>It is at fault itself, wherever it goes.</summary>
    public bool IsBad { get; init; }

    /// <summary>The conversation that it goes on with.</summary>
    public string? Conversation { get; init; }

    /// <summary>The endpoint that keeps the conversation; null where none is in the configuration that does.</summary>
    public int? Maker { get; init; }

    /// <summary>When its caller gives up, after its begin.</summary>
    public double? GivesUpAfter { get; init; }

    /// <summary>After so many pieces its caller walks away.</summary>
    public int? WalksAwayAfter { get; init; }

    /// <summary>And does not dispose of the stream.</summary>
    public bool IsDropped { get; init; }

    /// <summary>How long its caller takes for each piece.</summary>
    public double PerPiece { get; init; }

    public List<ChaosAttempt> Attempts { get; } = [];

    /// <summary>The endpoints that answer its model; it would wait in their queue.</summary>
    public Picker? Picker { get; set; }

    /// <summary>Whom the pool has its operation ask, by the names of the endpoint and of the deployment.</summary>
    public (string Endpoint, string Deployment)? Asks { get; set; }

    /// <summary>What its own operation throws, whoever is asked.</summary>
    public ChaosOwnException? Own { get; set; }

    /// <summary>It has been let go from a line.</summary>
    public bool HasWaited { get; set; }

    public double? GaveUpAt { get; set; }

    /// <summary>Its caller is busy with a piece.</summary>
    public bool IsRead { get; set; }

    /// <summary>Where it comes back to the driver if it ended elsewhere.</summary>
    public ChaosGate Home { get; } = new();

    public double? ContentAt { get; set; }

    public double? EndedAt { get; set; }

    /// <summary>A healthy endpoint that it could have asked and did not when it ended; null where there was none, or where that is not known.</summary>
    public string? LeftUntried { get; set; }

    public string Prompt => $"call {Id} {Pieces} {(IsBad ? "bad" : "good")}";

    /// <summary>The prompt tells the call, wherever it stands.</summary>
    public string[] Texts => [Prompt, .. Enumerable.Range(1, Pieces - 1).Select(i => i.ToString(CultureInfo.InvariantCulture))];

    public string Answer => string.Concat(Enumerable.Range(0, Pieces).Select(Piece));

    public string Piece(int index) => $"[{Id}:{index}]";

    public override string ToString() =>
        $"call {Id} ({Kind}){(Model.Length > 0 ? $" of {Model}" : "")}{(Conversation is null ? "" : $" of {Conversation}, which e{Maker} keeps,")} from {Began:0.000} to {EndedAt:0.000}"
        + $"{(GaveUpAt is { } at ? $", given up at {at:0.000}" : "")}, tried {string.Join(", ", Attempts)}";
}
