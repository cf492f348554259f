using System.Globalization;

namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>What the server holds of one id, or a message says of it. Times are the server's, in milliseconds.</summary>
internal readonly record struct FactRecord
{
    /// <summary>The fields of a record; a message has the server's time after them. What a later version adds behind is ignored.</summary>
    public const int Fields = 7;

    /// <summary>What is longer is none of ours, and is not read.</summary>
    public const int LongestMessage = 512;

    private static readonly (PoolFactKind Kind, string Word)[] Words = [(PoolFactKind.Ejected, "ejected"), (PoolFactKind.Recovered, "recovered"), (PoolFactKind.Paced, "paced")];

    public required EndpointId Id { get; init; }

    public required PoolFactKind Kind { get; init; }

    public required long Generation { get; init; }

    public required long Until { get; init; }

    public EndpointFailureReason Reason { get; init; }

    public bool IsStated { get; init; }

    public required Guid Source { get; init; }

    public static string NameOf(PoolFactKind kind) => Array.Find(Words, known => known.Kind == kind).Word;

    /// <summary>Reads the fields in the order of the scripts: id, kind, generation, until, reason, stated, source.</summary>
    /// <returns>Null where a value cannot be, such as one of a hostile writer or a later version.</returns>
    public static FactRecord? Read(ReadOnlySpan<string> fields)
    {
        if (!EndpointId.TryParse(fields[0], out EndpointId id) || !TryNumber(fields[2], out long generation) || !TryNumber(fields[3], out long until) || !Guid.TryParseExact(fields[6], "N", out Guid source))
        {
            return null;
        }

        string word = fields[1];
        EndpointFailureReason reason = default;
        bool isKnown = Array.Find(Words, known => known.Word == word) is { Word: not null } found
            && (found.Kind == PoolFactKind.Recovered || (Enum.TryParse(fields[4], out reason) && Enum.IsDefined(reason) && !char.IsAsciiDigit(fields[4][0])));
        return !isKnown ? null : new()
        {
            Id = id,
            Kind = Array.Find(Words, known => known.Word == word).Kind,
            Generation = generation,
            Until = until,
            Reason = reason,
            IsStated = fields[5] == "1",
            Source = source,
        };
    }

    /// <param name="message">As it was received.</param>
    /// <param name="sentAt">The server's time at which it was sent.</param>
    public static FactRecord? ReadMessage(string? message, out long sentAt)
    {
        sentAt = 0;
        string[] fields = message is { Length: <= LongestMessage } ? message.Split(' ') : [];
        return fields.Length > Fields && TryNumber(fields[Fields], out sentAt) ? Read(fields) : null;
    }

    public PoolFact ToFact(TimeSpan left) => new() { Id = Id, Kind = Kind, Generation = Generation, For = left, Reason = Reason, IsStated = IsStated, Source = Source };

    private static bool TryNumber(string text, out long number) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
