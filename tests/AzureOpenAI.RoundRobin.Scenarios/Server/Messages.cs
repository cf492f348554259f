using System.Text.Json;
using System.Text.Json.Serialization;

namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>What the two processes say to each other: one JSON object a line, commands down the server's standard input and answers up its standard output.</summary>
internal static class Messages
{
    public static readonly JsonSerializerOptions Json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter() },
    };
}

internal enum Verb
{
    /// <summary>Start the fleet that is sent along.</summary>
    Start,

    /// <summary>Wait for the next full second of the limiters, start the script, answer.</summary>
    Begin,

    /// <summary>Answer with the ledger, and let go of the fleet.</summary>
    End,
}

internal sealed record Command(int Id, int Cell, Verb Verb, FleetSpec? Fleet = null);

internal sealed record Reply(int Id)
{
    public string? Error { get; init; }

    public IReadOnlyList<Address>? Addresses { get; init; }

    public IReadOnlyList<ResourceReport>? Ledger { get; init; }
}

internal sealed record Address(string Name, Uri Endpoint, string ApiKey, int Priority);

/// <summary>What the ledger holds of one resource.</summary>
internal sealed record ResourceReport(string Name, long Attempts, long Answered, long Throttled, long Refused, long Faulted)
{
    /// <summary>Arrivals in each tenth of a second since the beginning.</summary>
    public required IReadOnlyList<int> Arrivals { get; init; }

    /// <summary>Those of them that were answered in full.</summary>
    public required IReadOnlyList<int> Taken { get; init; }

    /// <summary>How many of the answers another deployment of the resource gave.</summary>
    public long Spilled { get; init; }
}
