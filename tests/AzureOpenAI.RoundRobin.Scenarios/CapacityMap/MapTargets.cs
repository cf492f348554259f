using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>What our client shall reach in a cell, by the class that the cell belongs to.</summary>
internal sealed record MapTargets(string Class, double Share, double Attempts, double WaitBeyond)
{
    private const string BurstClass = "burst";
    private const double RefusedEarly = 3;
    private const double LastBeyond = 0.5;

    /// <summary>More attempts than the blind shot costs, for calls that are rejected twice.</summary>
    private const double BeyondBlindShot = 0.1;

    public static MapTargets Of(MapCell cell) =>
        cell.IsBurst ? new(BurstClass, 100, 1.7, double.NaN)
        : cell.Limiter.Class == LimiterClass.InFlight ? new("in flight", 93, 1.05, double.NaN)
        : cell.Hint != HintForm.Exact ? new("coarse", 85, 1.15, 2) { ClassShare = 93 }
        : cell.Limiter.Class == LimiterClass.Leaky ? new("leaky", 90, 1.15, double.NaN)
        : cell.Limiter.Class == LimiterClass.Changing ? new("changing", 93, 1.12, double.NaN)
        : new("exact", 97, 1.10, 1);

    /// <summary>What the mean of the class shall be.</summary>
    public double ClassShare { get; private init; } = Share;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Class}: each cell at least {Share} % of the oracle and at most {Attempts} attempts{(Class == BurstClass ? $" or {BeyondBlindShot} more than the blind shot" : "")}{(double.IsNaN(WaitBeyond) ? "" : $", {WaitBeyond} s beyond its p99")}; {ClassShare} % in the mean");

    /// <summary>What was missed, in words; empty where nothing was.</summary>
    public string Misses(MapCell cell, MapResult result) => string.Join("; ", new[]
    {
        cell.IsBurst ? Targets.AtMost("failed %", result.Failed, 0) : Targets.AtLeast("share", result.Share, Share),
        Targets.AtMost("attempts", result.Attempts, cell.IsBurst ? Math.Max(Attempts, BlindShot.Attempts(cell) + BeyondBlindShot) : Attempts),
        !cell.IsBurst && !double.IsNaN(WaitBeyond) ? Targets.AtMost("wait", result.WaitBeyond, WaitBeyond) : null,
        cell.IsBurst ? Targets.AtMost("last", result.LastBeyond, LastBeyond) : null,
        cell.Load.IsOverload ? Targets.AtMost("refused early % beyond the answers lost", result.RefusedEarly - Math.Max(0, result.Lost), RefusedEarly) : null,
    }.OfType<string>());
}
