using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What came of one seed.</summary>
internal sealed record ChaosResult(ulong Seed, int Calls, double Minutes, long PoolFires, int MostPoolFires, int Reach, ChaosRecord Record, TimeSpan Took)
{
    public IReadOnlyList<string> Faults => Record.Faults;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {Seed}: {Calls} calls ({List(Record.Kinds)}), {Record.Attempts} attempts, {Minutes:0} minutes, pool timer {PoolFires} (most in a second {MostPoolFires}), holds {Reach}, {Took.TotalSeconds:0.0} s; {List(Record.Endings)}{string.Concat(Faults.Select(fault => "\n  " + fault))}");

    public static string List(IReadOnlyDictionary<string, int> counts) =>
        string.Join(", ", counts.OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Value} {count.Key}")));
}
