using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.FleetS;

/// <summary>What one client did in one scenario.</summary>
internal sealed class CellResult
{
    private readonly double[] _latencies;

    public CellResult(Scenario scenario, string client, IReadOnlyList<CallRecord> records, IReadOnlyList<ResourceReport> ledger, IReadOnlyList<int> refused, double lateness)
    {
        Scenario = scenario;
        Client = client;
        Records = records;
        Ledger = ledger;
        Lateness = lateness;
        _latencies = [.. records.Where(record => record.Verdict == Verdict.Right).Select(record => record.Milliseconds).Order()];
        RefusedConnections = refused;
        Attempts = ledger.Sum(resource => resource.Attempts) + refused.Sum();
        int[] bad = [.. Enumerable.Range(0, ledger.Count).Where(i => scenario.Fleet[i].IsBad)];
        BadAttempts = bad.Length == 0 ? null : bad.Sum(i => ledger[i].Attempts + refused[i]);
        long[] good = [.. Enumerable.Range(0, ledger.Count).Except(bad).Select(i => ledger[i].Attempts)];
        Spread = good.Length < 2 ? 0 : good.Max() - good.Min();
        double mean = good.DefaultIfEmpty(0).Average();
        Variation = good.Length < 2 || mean == 0 ? 0 : Math.Sqrt(good.Average(count => (count - mean) * (count - mean))) / mean;
    }

    public Scenario Scenario { get; }

    public string Client { get; }

    public IReadOnlyList<CallRecord> Records { get; }

    public IReadOnlyList<ResourceReport> Ledger { get; }

    public IReadOnlyList<int> RefusedConnections { get; }

    public int Calls => Records.Count;

    public int Right => _latencies.Length;

    public int Failed => Count(Verdict.Failed) + Count(Verdict.GaveUp);

    public int Wrong => Count(Verdict.Empty) + Count(Verdict.Cut) + Count(Verdict.Doubled) + Count(Verdict.Mixed);

    public double FailedPercent => 100.0 * Failed / Math.Max(1, Calls);

    /// <summary>At all endpoints, refused connections included.</summary>
    public long Attempts { get; }

    /// <summary>For each call that came to what it was meant to come to.</summary>
    public double AttemptsPerSuccess => (double)Attempts / Math.Max(1, Right + Count(Verdict.Filtered));

    public long? BadAttempts { get; }

    /// <summary>Most less fewest attempts among the good endpoints.</summary>
    public long Spread { get; }

    public double Variation { get; }

    /// <summary>The 99th percentile of how late calls were started, in milliseconds.</summary>
    public double Lateness { get; }

    public int Count(Verdict verdict) => Records.Count(record => record.Verdict == verdict);

    /// <summary>Of the right answers, in milliseconds; not a number where there is none.</summary>
    public double Percentile(double share) => Percentiles.Of(_latencies, share);

    /// <summary>The same of the calls that were due after the given second.</summary>
    public double PercentileAfter(double second, double share) => Percentiles.Of(
        [.. Records.Where(record => record.Verdict == Verdict.Right && record.Due >= second).Select(record => record.Milliseconds).Order()], share);

    /// <summary>Calls that were due within the given seconds.</summary>
    public IEnumerable<CallRecord> Due(double from, double to) => Records.Where(record => record.Due >= from && record.Due < to);

    /// <summary>Answers that were taken in full, by when they arrived, as a share of the quota in the same seconds.</summary>
    public double GoodputPercent(int perSecond, int fromSecond, int toSecond) =>
        100.0 * Ledger.Sum(resource => resource.Taken.Skip(fromSecond * 10).Take((toSecond - fromSecond) * 10).Sum()) / (perSecond * (toSecond - fromSecond));

    /// <summary>Of the tokens of all prompts, those that the service had seen before; where answers tell.</summary>
    public double CachedPercent => 100.0 * Records.Sum(record => record.CachedTokens) / Math.Max(1, Records.Sum(record => record.Tokens));

    /// <summary>The busiest endpoint's attempts over the mean.</summary>
    public double MaxOverMean => Ledger.Max(resource => resource.Attempts) / Math.Max(1, Ledger.Average(resource => resource.Attempts));

    /// <summary>How long after the given second one endpoint had four fifths of its fair share again, over half a second.</summary>
    public double? ShareBackAfter(int endpoint, double second)
    {
        for (int tenth = (int)Math.Ceiling(second * 10); ; tenth++)
        {
            int all = Ledger.Sum(resource => resource.Arrivals.Skip(tenth).Take(5).Sum());
            if (all == 0 || tenth > Ledger.Max(resource => resource.Arrivals.Count) - 5)
            {
                return null;
            }

            if (Ledger[endpoint].Arrivals.Skip(tenth).Take(5).Sum() >= 0.8 * all / Ledger.Count)
            {
                return (tenth / 10.0) - second;
            }
        }
    }

    public string Failures() => string.Join(", ", Records
        .Where(record => record.Verdict is Verdict.Failed or Verdict.GaveUp)
        .GroupBy(record => record.Verdict == Verdict.GaveUp ? "gave up" : record.Exception ?? "?")
        .OrderByDescending(group => group.Count())
        .Take(3)
        .Select(group => $"{group.Key} x{group.Count()}"));
}
