using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What came of one seed.</summary>
internal sealed record ChaosResult(
    ulong Seed, int Calls, int Attempts, double Minutes, long PoolFires, int MostPoolFires, int Reach, IReadOnlyDictionary<string, int> Endings, ulong Digest, IReadOnlyList<string> Faults, TimeSpan Took)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed {Seed}: {Calls} calls, {Attempts} attempts, {Minutes:0} minutes, pool timer {PoolFires} (most in a second {MostPoolFires}), holds {Reach}, {Took.TotalSeconds:0.0} s; {string.Join(", ", Endings.OrderBy(ending => ending.Key, StringComparer.Ordinal).Select(ending => $"{ending.Value} {ending.Key}"))}{string.Concat(Faults.Select(fault => "\n  " + fault))}");
}
