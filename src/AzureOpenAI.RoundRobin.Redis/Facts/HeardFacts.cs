namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>What was heard last of each id, so that a pool that is made later hears what holds, and each recovery is handed on once.</summary>
/// <remarks>Not safe for concurrent use.</remarks>
internal sealed class HeardFacts
{
    /// <summary>More ids than any fleet has; a hostile writer can invent them.</summary>
    private const int Most = 512;

    /// <summary>No fact holds for longer, and no message is on its way for longer, in milliseconds.</summary>
    private const long Longest = 300_000;

    /// <summary>The server's time is known to within half a trip.</summary>
    private const long Tolerance = 1000;

    private readonly Dictionary<EndpointId, FactRecord> _latest = [];

    /// <summary>Keeps what was heard.</summary>
    /// <param name="record">Of a message or a read.</param>
    /// <param name="now">The server's time.</param>
    /// <returns>Whether the pools should hear it: whatever holds, since they may take now what they could not before, and what they have not heard.</returns>
    public bool Take(in FactRecord record, long now)
    {
        bool isKnown = _latest.TryGetValue(record.Id, out FactRecord latest);
        bool isOvertaken = isKnown && now - latest.Until < Longest
            && (record.Generation, record.Kind).CompareTo((latest.Generation, latest.Kind)) < 0;
        if (isOvertaken || record.Until > now + Longest + Tolerance || (!isKnown && !HasRoom(now)))
        {
            return false;
        }

        _latest[record.Id] = record;
        return record.Kind != PoolFactKind.Recovered ? record.Until > now : !isKnown || (latest.Kind, latest.Generation) != (record.Kind, record.Generation);
    }

    public FactRecord[] Holding(long now) => [.. _latest.Values.Where(record => record.Kind != PoolFactKind.Recovered && record.Until > now)];

    private bool HasRoom(long now)
    {
        if (_latest.Count >= Most)
        {
            foreach (EndpointId over in _latest.Where(known => known.Value.Until <= now).Select(static known => known.Key).ToArray())
            {
                _latest.Remove(over);
            }
        }

        return _latest.Count < Most;
    }
}
