namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>
/// What was granted within one limit: each grant by the last moment at which it may be used, with the sum of all grants up to it. Grants of one 512th of the period are one entry, at the
/// latest of their ends. Times are in microseconds.
/// </summary>
internal sealed class StartRing(long limit, long period)
{
    private const int Parts = 512, Filled = 64;

    private readonly List<(long End, long Total)> _grants = [];

    public long Limit { get; set; } = limit;

    public long Total { get; private set; }

    /// <summary>The k-th start does not come before the (k - limit)-th may have come, and its period is over.</summary>
    public long StartFor(long cost, long now)
    {
        long needed = Math.Min(Total, Total + cost - Limit);
        int first = _grants.FindIndex(grant => grant.Total >= needed);
        return needed <= 0 || first < 0 ? now : Math.Max(now, _grants[first].End + period);
    }

    public void Push(long end, long cost)
    {
        (long lastEnd, long _) = _grants.Count > 0 ? _grants[^1] : default;
        (end, Total) = (Math.Max(end, lastEnd), Total + cost);
        long part = Math.Max(1, period / Parts);
        if (_grants.Count > 0 && lastEnd / part == end / part)
        {
            _grants.RemoveAt(_grants.Count - 1);
        }

        _grants.Add((end, Total));
    }

    /// <summary>What was granted is not known: as if the whole limit had been, evenly over the last period.</summary>
    public void Fill(long now)
    {
        for (long part = 1; part <= Filled; part++)
        {
            if (Limit * part / Filled is var upTo && upTo > Total)
            {
                Push(now - period + (part * period / Filled), upTo - Total);
            }
        }
    }
}
