using System.Diagnostics;
using System.Globalization;
using System.Runtime;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>
/// What a step costs in the states that the pool exists for, and whether the cost grows with the state. Each state is made anew for each round, which BenchmarkDotNet does for one
/// call at a time only; so the rounds are its own. All in one process, one thread, no network.
/// </summary>
internal static class StressBenchmarks
{
    private const int LeastRounds = 3;
    private const int QuietRounds = 4;

    private static readonly TimeSpan CompilerWaits = TimeSpan.FromMilliseconds(120);

    /// <param name="quick">Fewer and shorter rounds: the whole table in under 5 minutes.</param>
    /// <param name="filter">Only rows whose state, size and client contain it, with commas between.</param>
    /// <param name="path">Where the table goes; null for the console only.</param>
    public static async Task RunAsync(bool quick, string? filter, string? path)
    {
        Stopwatch taken = Stopwatch.StartNew();
        List<string> table = ["| state | size | client | a step | quickest round | bytes |", "|---|--:|---|--:|--:|--:|"];
        table.ForEach(Console.WriteLine);
        foreach (Row row in StressRows.All.Where(row => filter is null || $"{row.State}, {row.Size}, {row.Client}".Contains(filter, StringComparison.OrdinalIgnoreCase)))
        {
            Figure figure = Measure(row.Begin, quick ? TimeSpan.FromSeconds(2) : TimeSpan.FromSeconds(12));
            table.Add(string.Create(
                CultureInfo.InvariantCulture, $"| {row.State} | {row.Size} | {row.Client} | {Time(figure.Nanoseconds)} | {Time(figure.Least)} | {figure.Bytes:N0} B |"));
            Console.WriteLine(table[^1]);
        }

        await ResultPage.WriteAsync(path, "Under stress", quick ? "stress --quick" : "stress", taken.Elapsed, table);
    }

    private static Figure Measure(Func<Round> begin, TimeSpan time)
    {
        WarmUp(begin, 2 * time);
        List<double> times = [];
        double bytes = double.MaxValue;
        Stopwatch total = Stopwatch.StartNew();
        while (times.Count < LeastRounds || total.Elapsed < time / 2)
        {
            (double nanoseconds, double allocated) = Once(begin());
            times.Add(nanoseconds);
            bytes = Math.Min(bytes, allocated);
        }

        times.Sort();
        return new(times[times.Count / 2], times[0], bytes);
    }

    /// <summary>
    /// The compiler optimizes what runs often, but only after a tenth of a second in which it had nothing new, and in the background: until it has had nothing to do for a few rounds, what
    /// is measured is code that it has not optimized, several times as slow.
    /// </summary>
    private static void WarmUp(Func<Round> begin, TimeSpan most)
    {
        Stopwatch total = Stopwatch.StartNew();
        for (int quiet = 0; quiet < QuietRounds && total.Elapsed < most;)
        {
            long compiled = JitInfo.GetCompiledMethodCount();
            Once(begin());
            Thread.Sleep(CompilerWaits);
            quiet = JitInfo.GetCompiledMethodCount() == compiled ? quiet + 1 : 0;
        }
    }

    private static (double Nanoseconds, double Bytes) Once(Round round)
    {
        // A pool is as old as its app. What made this one is not collected while the steps are measured.
        GC.Collect();
        long before = Allocated(round);
        long began = Stopwatch.GetTimestamp();
        long worst = 0;
        if (round.IsWorst)
        {
            for (int i = 0; i < round.Steps; i++)
            {
                long stepBegan = Stopwatch.GetTimestamp();
                round.Step(i);
                worst = Math.Max(worst, Stopwatch.GetTimestamp() - stepBegan);
            }
        }
        else
        {
            for (int i = 0; i < round.Steps; i++)
            {
                round.Step(i);
            }
        }

        double steps = round.Steps * (round.Calls ?? 1);
        double ticks = round.IsWorst ? worst : (Stopwatch.GetTimestamp() - began) / steps;
        double bytes = (Allocated(round) - before) / steps;
        round.End();
        return (ticks * 1e9 / Stopwatch.Frequency, bytes);
    }

    private static long Allocated(Round round) => round.Calls is null ? GC.GetAllocatedBytesForCurrentThread() : GC.GetTotalAllocatedBytes(precise: true);

    private static string Time(double nanoseconds) => nanoseconds switch
    {
        >= 10e6 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:N0} ms"),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:N1} ms"),
        >= 10e3 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:N0} us"),
        >= 1e3 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:N1} us"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds:N0} ns"),
    };
}
