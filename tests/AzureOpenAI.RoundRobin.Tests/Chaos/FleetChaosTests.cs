using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>
/// Many processes over four endpoints that fail in turn, in simulated time, with a backplane that loses, repeats and delays what it carries, and clocks that are 10 s off. One of
/// the first three always answers.
/// </summary>
public sealed class FleetChaosTests
{
    private const int Steps = 320;

    private static readonly string[] Hosts = ["east", "west", "north", "south"];
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan MostDelay = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ClockOff = TimeSpan.FromSeconds(10);

    /// <summary>The last two rows compare a backplane at its best with none: nothing is lost, late or off, or all is lost.</summary>
    [Theory]
    [InlineData(2, 1, 0.2)]
    [InlineData(3, 2, 0.2)]
    [InlineData(8, 3, 0.2)]
    [InlineData(24, 4, 0.2)]
    [InlineData(64, 5, 0.2)]
    [InlineData(64, 5, 0)]
    [InlineData(64, 5, 1)]
    public async Task EveryCallIsAnswered_AndNoWordOfOthersDoesHarm(int processes, int seed, double lost)
    {
        Random random = new(seed);
        Troubles troubles = new(random);
        using FakeFleet fleet = new(
            processes, Hosts, backplane: time => lost == 0
                ? new(time, seed)
                : new(time, seed) { MostDelay = MostDelay, Lost = lost, Repeated = lost < 1 ? 0.2 : 0, ClockOff = ClockOff });
        fleet.On = request => troubles.Answer(request, fleet.Time.GetUtcNow());
        List<Task<string>> calls = [];
        for (int i = 0; i < Steps; i++)
        {
            troubles.Turn(fleet.Time.GetUtcNow());
            foreach (ServicePool pool in fleet.Pools)
            {
                if (random.NextDouble() < 0.25)
                {
                    calls.Add(pool.AskAsync(streaming: random.NextDouble() < 0.3));
                }
            }

            fleet.Time.Advance(Step);
            await SettleAsync(fleet, calls);
            Check(fleet, $"seed {seed}, {processes} processes, step {i}");
        }

        for (int i = 0; i < 120 && calls.Exists(static call => !call.IsCompleted); i++)
        {
            fleet.Time.Advance(Step);
            await SettleAsync(fleet, calls);
        }

        Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully, $"seed {seed}, {processes} processes: {call.Exception?.InnerException?.Message ?? "not over"}"));
        Assert.Contains(fleet.Backplane.Published, fact => fact.Kind == PoolFactKind.Recovered);
        int attempts = fleet.Pools.Sum(static pool => pool.Service.Requests.Length);
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}: {processes} processes, {calls.Count} calls, {attempts} attempts, {fleet.Backplane.Published.Length} facts");
        Assert.True(lost > 0 || attempts <= 1.15 * calls.Count, $"{attempts} attempts of {calls.Count} calls, though most troubles are found once.");
    }

    /// <summary>Until each call is over, or waits for time to pass.</summary>
    private static Task SettleAsync(FakeFleet fleet, List<Task<string>> calls) => Eventually.TrueAsync(
        () => calls.Count(static call => !call.IsCompleted) == fleet.Pools.Sum(static pool => pool.Pool.WaitingCalls) + fleet.Time.Delays);

    private static void Check(FakeFleet fleet, string when)
    {
        DateTimeOffset now = fleet.Time.GetUtcNow();
        foreach (ServicePool pool in fleet.Pools)
        {
            IReadOnlyList<EndpointStatus> all = pool.Pool.GetStatus();
            Assert.False(all.All(static status => status is { State: EndpointState.Unavailable, ToldBy: not null }), $"{when}: all are unavailable by hearsay.");
            foreach (EndpointStatus told in all.Where(static status => status is { State: EndpointState.Unavailable, ToldBy: not null }))
            {
                RoundRobin.Endpoints.EndpointIds ids = fleet.IdsOf(told.Name);
                DateTimeOffset latest = fleet.Backplane.LatestEnd(ids.Deployment, ids.Resource, ids.Key) + ClockOff + TimeSpan.FromSeconds(1);
                RoundRobin.Endpoints.EndpointHealth health = pool.Pool.Endpoints.First(endpoint => endpoint.Name == told.Name).Health;
                // What the pool has met itself may be for longer, such as a pause after a rejected call that was the first after a pause.
                foreach (RoundRobin.Endpoints.HealthState state in new[] { health.Deployment, health.Resource }.Where(static state => state.IsHearsay))
                {
                    TimeSpan left = fleet.Time.Until(fleet.Time.GetTimestamp(), state.UnavailableUntil);
                    Assert.True(left <= TimeSpan.FromMinutes(5) && now + left <= latest, $"{when}: {told} outlives what was said, {latest}.");
                }
            }
        }
    }

    /// <summary>What is wrong with each host, for 4 to 14 s each time; never with all of the first three. The fourth refuses its key.</summary>
    private sealed class Troubles(Random random)
    {
        private readonly string?[] _of = [null, null, null, "key"];
        private DateTimeOffset _until;

        public void Turn(DateTimeOffset now)
        {
            if (now < _until)
            {
                return;
            }

            int well = random.Next(3);
            for (int i = 0; i < 3; i++)
            {
                _of[i] = i == well ? null : random.Next(3) switch { 0 => "limit", 1 => "dead", _ => null };
            }

            _until = now + TimeSpan.FromSeconds(4 + (10 * random.NextDouble()));
        }

        public HttpResponseMessage? Answer(FakeService.Request request, DateTimeOffset now) => _of[Array.IndexOf(Hosts, request.Host)] switch
        {
            "limit" => FakeService.Refusal(429, ("retry-after-ms", FormattableString.Invariant($"{Math.Ceiling((_until - now).TotalMilliseconds)}"))),
            "dead" => throw new HttpRequestException(HttpRequestError.ConnectionError, "refused"),
            "key" => FakeService.Refusal(401),
            _ => null,
        };
    }
}
