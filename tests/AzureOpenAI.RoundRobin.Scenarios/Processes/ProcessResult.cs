using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What so many processes had together.</summary>
internal sealed record ProcessResult(ProcessScenario Scenario, string Client, bool Shares, IReadOnlyList<CallerReport> Reports, IReadOnlyList<ResourceReport> Ledger)
{
    public int Processes => Reports.Count;

    public int Calls => Reports.Sum(report => report.Calls);

    public int Right => Reports.Sum(report => report.Right);

    public double FailedPercent => 100.0 * (Calls - Right) / Math.Max(1, Calls);

    public long Attempts => Ledger.Sum(resource => resource.Attempts);

    /// <summary>Of all answers, in milliseconds. Of 38 calls of one of 16 processes the 99th percentile is the longest, so the worst process's would be the longest of all.</summary>
    public double P99 => Percentiles.Of([.. Reports.SelectMany(static report => report.Took).Order()], 0.99);

    /// <summary>The longest of all answers.</summary>
    public double Longest => Reports.SelectMany(static report => report.Took).DefaultIfEmpty(double.NaN).Max();

    public double AttemptsPerSuccess => (double)Attempts / Math.Max(1, Right);

    /// <summary>The calls that the bad endpoint did not answer: what it answers while it is well is no cost.</summary>
    public long BadAttempts => Ledger.Where((_, i) => Scenario.Fleet[i].IsBad).Sum(resource => resource.Attempts - resource.Answered);

    /// <summary>The answers of the process that had the fewest, as a share of the mean.</summary>
    public double WorstSharePercent => 100.0 * Reports.Min(report => report.Right) * Processes / Math.Max(1, Right);

    /// <summary>Answers that arrived while the load lasted, as a share of the quota.</summary>
    public double GoodputPercent(int perSecond) => 100.0 * Ledger.Sum(resource => resource.Taken.Take((int)(10 * ProcessScenario.Seconds)).Sum()) / (perSecond * ProcessScenario.Seconds);
}
