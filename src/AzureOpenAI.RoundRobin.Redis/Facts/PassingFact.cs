using System.Globalization;

namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>
/// A message about what is of use for a moment only. It is sent as it is: the server keeps nothing, and nobody tells it again. Its fields are id, kind, number, milliseconds, evidence, answered, source
/// and the server's time; earlier versions do not know the kinds.
/// </summary>
internal static class PassingFact
{
    /// <summary>What was on its way for longer is of no use, in milliseconds.</summary>
    private const long Longest = 1000;

    private static readonly (PoolFactKind Kind, string Word)[] Words = [(PoolFactKind.Silent, "silent"), (PoolFactKind.Answering, "answering"), (PoolFactKind.Probing, "probing")];

    public static bool Is(in PoolFact fact) => fact.Kind is PoolFactKind.Silent or PoolFactKind.Answering or PoolFactKind.Probing;

    /// <param name="fact">Of a kind that passes.</param>
    /// <param name="now">The server's time.</param>
    public static string Write(PoolFact fact, long now) => string.Create(
        CultureInfo.InvariantCulture,
        $"{fact.Id} {Words.First(known => known.Kind == fact.Kind).Word} {fact.Generation} {Math.Ceiling(fact.For.TotalMilliseconds):0} {fact.Evidence:0.###} {fact.Answered} {fact.Source:N} {now}");

    /// <returns>Null where it is something else, or too late.</returns>
    public static PoolFact? Read(string? message, long now)
    {
        string[] fields = message is { Length: <= FactRecord.LongestMessage } ? message.Split(' ') : [];
        return fields.Length > FactRecord.Fields && Array.Find(Words, known => known.Word == fields[1]) is { Word: not null } found
            && EndpointId.TryParse(fields[0], out EndpointId id) && Guid.TryParseExact(fields[6], "N", out Guid source)
            && long.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out long generation)
            && int.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds)
            && double.TryParse(fields[4], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double evidence) && double.IsFinite(evidence)
            && int.TryParse(fields[5], NumberStyles.None, CultureInfo.InvariantCulture, out int answered)
            && long.TryParse(fields[7], NumberStyles.None, CultureInfo.InvariantCulture, out long sentAt) && Math.Abs(now - sentAt) <= Longest
            ? new PoolFact
            {
                Id = id,
                Kind = found.Kind,
                For = TimeSpan.FromMilliseconds(milliseconds),
                Evidence = evidence,
                Answered = answered,
                Generation = generation,
                Source = source,
            }
            : null;
    }
}
