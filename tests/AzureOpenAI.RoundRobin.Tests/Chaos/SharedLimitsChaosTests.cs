using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// Many processes with the same configured limits, near them, in simulated time: requests for permits are late, some are lost, for a while nobody answers, and once all that was
/// granted is forgotten.
/// </summary>
public sealed class SharedLimitsChaosTests
{
    private const int PerSecond = 10;

    private static readonly string[] Hosts = ["east", "west", "north"];
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(5);

    [Theory]
    [InlineData(2, 1, 0)]
    [InlineData(8, 2, 0)]
    [InlineData(24, 3, 0)]
    [InlineData(64, 4, 0)]
    [InlineData(8, 5, 0.05)]
    public async Task EveryCallIsAnswered_AndTheLimitHoldsForAllTogether(int processes, int seed, double lost)
    {
        Random random = new(seed);
        using LimitedFleet fleet = new(
            processes, 60 * PerSecond, time => new(time, seed) { MostTrip = TimeSpan.FromMilliseconds(10), LostAsks = lost }, hosts: Hosts,
            endpoint: static (_, entry) => entry.RequestsPerMinute = 60 * PerSecond);
        await RunAsync(6, 0.95);
        TimeSpan away = fleet.Now;
        fleet.Fleet.Backplane.IsAway = true;
        await RunAsync(3, 0.7);
        fleet.Fleet.Backplane.IsAway = false;
        TimeSpan back = fleet.Now + (2 * Second);
        await RunAsync(5, 0.8);
        TimeSpan wiped = fleet.Now;
        fleet.Fleet.Backplane.Wipe();
        TimeSpan known = fleet.Now + (2 * Second);
        await RunAsync(5, 0.8);
        await fleet.DrainAsync(30, Step);

        string run = $"seed {seed}, {processes} processes, {fleet.Starts.Length} starts";
        Assert.True(fleet.Open == 0, $"{run}: {fleet.Open} calls are not answered.");
        foreach (string host in Hosts)
        {
            int most = new[] { fleet.MostWithin(Second, default, host, away), fleet.MostWithin(Second, back, host, wiped), fleet.MostWithin(Second, known, host) }.Max();
            Assert.True(most <= (lost == 0 ? PerSecond : 2 * PerSecond), $"{run}: {most} calls to {host} in a second.");

            // A process alone makes at least one start in two periods; what was granted before is used beside it.
            int alone = fleet.MostWithin(Second, away, host, back);
            Assert.True(alone <= (2 * PerSecond) + (processes / 2), $"{run}: {alone} calls to {host} in a second while nobody granted any.");
            int twice = fleet.MostWithin(Second, wiped, host, known);
            Assert.True(twice <= 2 * PerSecond, $"{run}: {twice} calls to {host} in a second after all was forgotten.");
        }

        Task<int> RunAsync(double seconds, double load) => fleet.RunAsync(seconds, load * PerSecond * Hosts.Length, random, step: Step);
    }
}
