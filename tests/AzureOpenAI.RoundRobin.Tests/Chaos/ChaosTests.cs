using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// Pools, endpoints, callers, troubles and clocks drawn by lot, in simulated time on one thread. A seed replays exactly: <c>CHAOS_SEED=7 CHAOS_SEEDS=1</c> in the environment
/// plays that one, <c>CHAOS_SEEDS=5000</c> as many from a random one on. <c>CHAOS_TRACE=DIRECTORY</c> writes a digest of each seed's events to <c>digests.txt</c> there, and of a single
/// seed the events themselves: a change that must not change behaviour leaves them as they are.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(61)]
    [InlineData(178)]
    [InlineData(810566)]
    [InlineData(920978)]
    [InlineData(1022569)]
    public void Holds_through_chosen_chaos(int seed)
    {
        ChaosResult result = ChaosRun.Of((ulong)seed);
        Assert.True(result.Faults.Count == 0, result.ToString());
    }

    [Fact]
    public void Holds_through_any_chaos()
    {
        ulong first = Read("CHAOS_SEED") ?? (ulong)Random.Shared.NextInt64(1, 1_000_000_000);
        ulong count = Read("CHAOS_SEEDS") ?? 1;
        string? traces = Environment.GetEnvironmentVariable("CHAOS_TRACE");
        List<ChaosResult> failed = [];
        (double minutes, long calls) = (0, 0);
        Dictionary<string, int> kinds = [];
        for (ulong seed = first; seed < first + count; seed++)
        {
            ChaosResult result = ChaosRun.Of(seed, keepsTrace: traces is not null && count == 1);
            Write(result, traces);
            output.WriteLine(result.ToString());
            minutes += result.Minutes;
            calls += result.Calls;
            foreach ((string kind, int times) in result.Record.Kinds)
            {
                kinds[kind] = kinds.GetValueOrDefault(kind) + times;
            }

            if (result.Faults.Count > 0)
            {
                failed.Add(result);
            }
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} seeds from {first} on, {calls} calls, {minutes:0} simulated minutes ({ChaosResult.List(kinds)}): {failed.Count} failed."));
        Assert.True(failed.Count == 0, $"{failed.Count} of {count} seeds from {first} on:\n{string.Join('\n', failed.Take(20))}");
    }

    [Fact]
    public void Replays_a_seed_exactly() => Assert.Equal(ChaosRun.Of(5).Record.Digest, ChaosRun.Of(5).Record.Digest);

    private static void Write(ChaosResult result, string? directory)
    {
        if (directory is null)
        {
            return;
        }

        File.AppendAllText(Path.Combine(directory, "digests.txt"), string.Create(CultureInfo.InvariantCulture, $"{result.Seed} {result.Record.Digest:x16} {result.Record.Notes}\n"));
        if (result.Record.Trace is { Length: > 0 } trace)
        {
            File.WriteAllText(Path.Combine(directory, $"{result.Seed}.txt"), trace);
        }
    }

    private static ulong? Read(string name) => ulong.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) ? value : null;
}
