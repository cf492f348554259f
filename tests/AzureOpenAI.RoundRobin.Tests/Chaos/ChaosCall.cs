using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>A call as its caller knows it, with all that was tried for it.</summary>
internal sealed class ChaosCall(int id, bool isStream, string model, int pieces, double began)
{
    public int Id { get; } = id;

    public bool IsStream { get; } = isStream;

    public string Model { get; } = model;

    /// <summary>In how many pieces the answer comes, if it is streamed.</summary>
    public int Pieces { get; } = pieces;

    public double Began { get; } = began;

    public double SuspendedBefore { get; init; }

    /// <summary>It is at fault itself, wherever it goes.</summary>
    public bool IsBad { get; init; }

    /// <summary>When its caller gives up, after its begin.</summary>
    public double? GivesUpAfter { get; init; }

    /// <summary>After so many pieces its caller walks away.</summary>
    public int? WalksAwayAfter { get; init; }

    /// <summary>How long its caller takes for each piece.</summary>
    public double PerPiece { get; init; }

    public List<ChaosAttempt> Attempts { get; } = [];

    /// <summary>The line that it would stand in.</summary>
    public EndpointGroup? Group { get; set; }

    /// <summary>It has been let go from a line.</summary>
    public bool HasWaited { get; set; }

    public double? GaveUpAt { get; set; }

    /// <summary>Its caller is busy with a piece.</summary>
    public bool IsRead { get; set; }

    /// <summary>Where it comes back to the driver if it ended elsewhere.</summary>
    public ChaosGate Home { get; } = new();

    public double? ContentAt { get; set; }

    public double? EndedAt { get; set; }

    public string Prompt => $"call {Id} {Pieces} {(IsBad ? "bad" : "good")}";

    public string Answer => string.Concat(Enumerable.Range(0, Pieces).Select(Piece));

    public string Piece(int index) => $"[{Id}:{index}]";

    public override string ToString() =>
        $"call {Id}{(IsStream ? " (stream)" : "")}{(Model.Length > 0 ? $" of {Model}" : "")} from {Began:0.000} to {EndedAt:0.000}{(GaveUpAt is { } at ? $", given up at {at:0.000}" : "")}, tried "
        + string.Join(", ", Attempts);
}

/// <summary>One attempt, as its endpoint sees it.</summary>
internal sealed class ChaosAttempt(int endpoint, double arrived, Trouble trouble)
{
    public int Endpoint { get; } = endpoint;

    public double Arrived { get; } = arrived;

    public Trouble Trouble { get; } = trouble;

    public double? Left { get; set; }

    /// <summary>How long it takes until something is said.</summary>
    public double Latency { get; init; }

    public double Gap { get; init; }

    /// <summary>After so many pieces its stream goes wrong, or has no more.</summary>
    public int BreaksAfter { get; init; }

    /// <summary>Where the endpoint names a time, the name and the value of the header.</summary>
    public (string Name, string Value)? Hint { get; init; }

    public override string ToString() => $"e{Endpoint} {Arrived:0.000}-{Left:0.000} {Trouble}";
}
