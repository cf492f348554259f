using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint that hangs, asked by many processes of a few calls a second: none of them could know by itself, and together they know within a second.</summary>
public sealed class HangIsFoundByManyProcessesTests
{
    private const double CallsInSecond = 60;

    private static readonly string[] Three = ["east", "west", "north"];
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(60);

    [Theory]
    [InlineData(4, 1)]
    [InlineData(16, 2)]
    [InlineData(64, 3)]
    public async Task FewCallsGoThere_AndNoneFailsOrWaitsLong(int processes, int seed)
    {
        using Traffic traffic = new(processes, seed, (_, random) => LogNormal(random, Usual, 0.349));
        await traffic.RunAsync(TimeSpan.FromSeconds(2));
        Assert.All(Three, host => Assert.True(traffic.Fleet.CallsTo(host).Sum() > 20));
        int before = traffic.Fleet.CallsTo("east").Sum();
        traffic.Hangs = true;
        await traffic.RunAsync(TimeSpan.FromSeconds(4));

        TestContext.Current.TestOutputHelper?.WriteLine($"{traffic.Fleet.CallsTo("east").Sum() - before} calls, the slowest {traffic.Slowest.TotalMilliseconds:0} ms");
        Assert.InRange(traffic.Fleet.CallsTo("east").Sum() - before, 5, 40);
        Assert.InRange(traffic.Slowest, TimeSpan.Zero, TimeSpan.FromSeconds(2.5));
        Assert.All(Enumerable.Range(0, processes), pool => Assert.Equal(EndpointFailureReason.Stalled, traffic.Fleet.StatusOf(pool, "east").Reason));
        Assert.DoesNotContain(traffic.Fleet.Pools, pool => pool.StateOf("west") != EndpointState.Healthy || pool.StateOf("north") != EndpointState.Healthy);
        await traffic.EndAsync();
    }

    /// <summary>Answers as those of chat models, from a cold start; two rows have an endpoint that takes three times as long as the others.</summary>
    [Theory]
    [InlineData(4, 1, 1)]
    [InlineData(16, 2, 3)]
    [InlineData(64, 3, 1)]
    [InlineData(64, 4, 3)]
    public async Task HealthyEndpoints_OfLongAndShortAnswers_AreNeverEjected(int processes, int seed, double slower)
    {
        using Traffic traffic = new(processes, seed, (host, random) => (host == "east" ? slower : 1) * LogNormal(random, TimeSpan.FromSeconds(1), 1)) { Step = 5 * Step };
        await traffic.RunAsync(TimeSpan.FromSeconds(60));

        PoolFact[] told = traffic.Fleet.Backplane.Published;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", told.GroupBy(fact => fact.Kind).Select(group => $"{group.Key} {group.Count()}")));
        Assert.True(processes < 16 || told.Any(fact => fact.Kind == PoolFactKind.Silent));
        Assert.DoesNotContain(told, fact => fact.Kind == PoolFactKind.Ejected);
        await traffic.EndAsync();
    }

    /// <summary>All become ten times as slow at once, as with a network that is in trouble.</summary>
    [Theory]
    [InlineData(16, 5)]
    [InlineData(64, 6)]
    public async Task WhatIsSlowEverywhere_IsNoEndpointsFault(int processes, int seed)
    {
        double slower = 1;
        using Traffic traffic = new(processes, seed, (_, random) => slower * LogNormal(random, Usual, 0.349));
        await traffic.RunAsync(TimeSpan.FromSeconds(3));
        slower = 20;
        await traffic.RunAsync(TimeSpan.FromSeconds(4));

        Assert.DoesNotContain(traffic.Fleet.Backplane.Published, fact => fact.Kind == PoolFactKind.Ejected);
        await traffic.EndAsync();
    }

    [Fact]
    public async Task OwnAnswer_BeatsWhatOthersSay_AndTheyAreTold()
    {
        using FakeFleet fleet = new(2, Three);
        await TimedAnswersAsync(fleet, 0);
        TaskCompletionSource held = new();
        fleet[0].Service.Before = request => request.Host == "east" ? held.Task : Task.CompletedTask;
        Task<string>[] calls = [fleet[0].AskAsync(), fleet[0].AskAsync(), fleet[0].AskAsync()];
        fleet.Time.Advance(TimeSpan.FromMilliseconds(10));
        await TimedAnswersAsync(fleet, 1);
        PoolFact silent = Silent(fleet, 0.04, evidence: 8.1, answered: 40);
        fleet.Backplane.Inject(silent);
        Assert.DoesNotContain(fleet.Backplane.Published, fact => fact.Kind == PoolFactKind.Answering);
        fleet.Backplane.Inject(silent with { For = TimeSpan.FromSeconds(1) });

        PoolFact denied = Assert.Single(fleet.Backplane.Published, fact => fact.Kind == PoolFactKind.Answering);
        Assert.Equal(silent.Id, denied.Id);
        held.SetResult();
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task WordOfOthersAlone_EjectsNothing()
    {
        using FakeFleet fleet = new(1, Three);
        await TimedAnswersAsync(fleet, 0);
        for (int i = 0; i < 400; i++)
        {
            fleet.Backplane.Inject(Silent(fleet, 1, evidence: 1e9, answered: int.MaxValue));
        }

        Assert.Equal(EndpointState.Healthy, fleet[0].StateOf("east"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LastAvailableEndpoint_StaysAvailable(bool hasAnother)
    {
        using FakeFleet fleet = new(1, ["east", "west"]);
        await TimedAnswersAsync(fleet, 0);
        TaskCompletionSource held = new();
        fleet[0].Service.Before = request => request.Host == "east" ? held.Task : Task.CompletedTask;
        Task<string>[] calls = [fleet[0].AskAsync(), fleet[0].AskAsync()];
        if (!hasAnother)
        {
            fleet.Backplane.Inject(fleet.Told("west", EndpointFailureReason.Unreachable, 60));
        }

        fleet.Time.Advance(TimeSpan.FromMilliseconds(250));
        Array.ForEach([1, 2, 3], i => fleet.Backplane.Inject(Silent(fleet, 0.2, evidence: 8, answered: 40)));

        Assert.Equal(hasAnother ? EndpointState.Unavailable : EndpointState.Healthy, fleet[0].StateOf("east"));
        held.SetResult();
        await Task.WhenAll(calls);
    }

    /// <summary>One that errs, or lies, is worth half of what it takes: another must have noticed something too.</summary>
    [Theory]
    [InlineData(1, EndpointState.Healthy)]
    [InlineData(2, EndpointState.Unavailable)]
    public async Task OneOtherProcess_IsNeverEnough(int processes, EndpointState state)
    {
        using FakeFleet fleet = new(1, Three);
        await TimedAnswersAsync(fleet, 0);
        TaskCompletionSource held = new();
        fleet[0].Service.Before = request => request.Host == "east" ? held.Task : Task.CompletedTask;
        Task<string>[] calls = [fleet[0].AskAsync(), fleet[0].AskAsync(), fleet[0].AskAsync()];
        fleet.Time.Advance(TimeSpan.FromMilliseconds(250));

        for (int i = 0; i < processes; i++)
        {
            PoolFact certain = Silent(fleet, 0.2, evidence: 250, answered: 40);
            fleet.Backplane.Inject(certain);
            fleet.Backplane.Inject(certain);
        }

        Assert.Equal(state, fleet[0].StateOf("east"));
        held.SetResult();
        await Task.WhenAll(calls);
    }

    /// <summary>The first row has nothing wrong.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task OutOfRange_IsIgnored(int fault)
    {
        using FakeFleet fleet = new(1, Three);
        await TimedAnswersAsync(fleet, 0);
        TaskCompletionSource held = new();
        fleet[0].Service.Before = request => request.Host == "east" ? held.Task : Task.CompletedTask;
        Task<string>[] calls = [fleet[0].AskAsync(), fleet[0].AskAsync(), fleet[0].AskAsync()];
        fleet.Time.Advance(TimeSpan.FromMilliseconds(250));
        PoolFact right = Silent(fleet, 0.2, evidence: 8, answered: 40);
        for (int i = 0; i < 3; i++)
        {
            PoolFact wrong = fault switch
            {
                1 => right with { Evidence = double.NaN },
                2 => right with { Evidence = -1 },
                3 => right with { Answered = -1 },
                4 => right with { For = TimeSpan.Zero },
                _ => right,
            };
            fleet.Backplane.Inject(wrong with { Source = Guid.NewGuid() });
        }

        Assert.Equal(fault == 0 ? EndpointState.Unavailable : EndpointState.Healthy, fleet[0].StateOf("east"));
        held.SetResult();
        await Task.WhenAll(calls);
    }

    private static PoolFact Silent(FakeFleet fleet, double seconds, double evidence, int answered) => new()
    {
        Id = fleet.IdsOf("east").Deployment,
        Kind = PoolFactKind.Silent,
        For = TimeSpan.FromSeconds(seconds),
        Evidence = evidence,
        Answered = answered,
        Generation = 1,
        Source = Guid.NewGuid(),
    };

    /// <summary>Some answers of each endpoint that take 50 ms.</summary>
    private static async Task TimedAnswersAsync(FakeFleet fleet, int pool)
    {
        for (int i = 0; i < 4; i++)
        {
            TaskCompletionSource answers = new();
            fleet[pool].Service.Before = _ => answers.Task;
            Task<string>[] calls = [.. Three.Select(_ => fleet[pool].AskAsync())];
            fleet.Time.Advance(TimeSpan.FromMilliseconds(50));
            answers.SetResult();
            await Task.WhenAll(calls);
        }

        fleet[pool].Service.Before = _ => Task.CompletedTask;
    }

    private static TimeSpan LogNormal(Random random, TimeSpan median, double sigma)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return Timestamps.Min(median * Math.Exp(sigma * normal), TimeSpan.FromSeconds(90));
    }

    /// <summary>Evenly spaced calls, each by another process, in simulated time.</summary>
    private sealed class Traffic : IDisposable
    {
        private readonly List<Task> _calls = [];
        private double _due;
        private int _next;

        public Traffic(int processes, int seed, Func<string, Random, TimeSpan> takes)
        {
            Random random = new(seed);
            Fleet = new FakeFleet(processes, Three);
            foreach (ServicePool pool in Fleet.Pools)
            {
                pool.Service.OnAsync = async (request, token) =>
                {
                    TimeSpan took;
                    lock (random)
                    {
                        took = takes(request.Host, random);
                    }

                    await Task.Delay(request.Host == "east" && Hangs ? TimeSpan.FromHours(1) : took, Fleet.Time, token);
                    return FakeService.Answer(request);
                };
            }
        }

        public FakeFleet Fleet { get; }

        public bool Hangs { get; set; }

        public TimeSpan Step { get; init; } = HangIsFoundByManyProcessesTests.Step;

        /// <summary>The longest that any call has taken since the endpoint hangs.</summary>
        public TimeSpan Slowest { get; private set; }

        public async Task RunAsync(TimeSpan time)
        {
            if (_next == 0)
            {
                // As processes begin at random, each at another endpoint.
                for (int i = 0; i < Fleet.Pools.Count; i++)
                {
                    _calls.AddRange(Enumerable.Range(0, i % Three.Length).Select(_ => Fleet[i].AskAsync()));
                }
            }

            for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += Step)
            {
                for (_due += Step.TotalSeconds * CallsInSecond; _due >= 1; _due--)
                {
                    _calls.Add(AskAsync(Fleet[_next++ % Fleet.Pools.Count]));
                }

                Fleet.Time.Advance(Step);
                await Eventually.TrueAsync(() => _calls.Count(static call => !call.IsCompleted) == Fleet.Pools.Sum(static pool => pool.Pool.WaitingCalls) + Fleet.Time.Delays);
                _calls.RemoveAll(static call => call.IsCompletedSuccessfully);
            }
        }

        public async Task EndAsync()
        {
            Hangs = false;
            for (int i = 0; i < 2000 && _calls.Exists(static call => !call.IsCompleted); i++)
            {
                Fleet.Time.Advance(5 * HangIsFoundByManyProcessesTests.Step);
                await Task.Yield();
            }

            await Task.WhenAll(_calls);
        }

        public void Dispose() => Fleet.Dispose();

        private async Task AskAsync(ServicePool pool)
        {
            bool hangs = Hangs;
            long began = Fleet.Time.GetTimestamp();
            await pool.AskAsync();
            Slowest = hangs ? Timestamps.Max(Slowest, Fleet.Time.GetElapsedTime(began)) : Slowest;
        }
    }
}
