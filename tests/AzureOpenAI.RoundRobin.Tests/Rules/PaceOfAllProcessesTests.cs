using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Where a backplane grants permits, all processes together keep the pace that rejections have taught any of them.</summary>
public sealed class PaceOfAllProcessesTests
{
    private static readonly (string Host, int Limit)[] Hosts = [("east", 60), ("west", 30), ("north", 10)];

    private static readonly TimeSpan Learned = TimeSpan.FromSeconds(5);

    /// <summary>Without sharing 64 processes make 1.5 to 2 attempts at 95 % of the limit, and up to 2.7 at 150 %.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(16, false)]
    [InlineData(64, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    [InlineData(16, true)]
    [InlineData(64, true)]
    public async Task NearTheLimit_AsFewCallsAreRejectedAsOfOneProcess(int processes, bool slides)
    {
        using PacedFleet near = Fleet(processes, slides);
        await near.RunAsync(20, 95, new Random(7));
        Assert.Equal(0, near.Failed);
        TestContext.Current.TestOutputHelper!.WriteLine($"{near.AttemptsSince(default):0.00}");
        Assert.InRange(near.AttemptsSince(default), 1, 1.2);

        using PacedFleet beyond = Fleet(processes, slides, maxWait: 4);
        await beyond.RunAsync(20, 150, new Random(7));
        TestContext.Current.TestOutputHelper!.WriteLine($"{beyond.AttemptsSince(default):0.00}, {beyond.PerSecondSince(Learned):0.0} answers a second");
        // 1.04 to 1.10 as a rule, and up to 1.16 where pools are late by real time while the simulated one goes on.
        Assert.InRange(beyond.AttemptsSince(default), 1, 1.25);
        Assert.InRange(beyond.PerSecondSince(Learned), 75, 104);
        Assert.InRange(beyond.WorstShareSince(default), processes switch { > 16 => 0.55, 16 => 0.75, _ => 0.85 }, 1);
    }

    /// <summary>
    /// Once the pace is learned, calls of many processes wait no longer than those of one: as a rule 14 to 28 ms at the 99th percentile, where those of 16 waited for 98 while each held permits ahead
    /// that it did not need. Which process is first at an instant is the machine's, and now and then a fleet has a late rejection, so the third best of nine fleets is judged.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public async Task NearTheLimit_CallsWaitNoLonger_ThanThoseOfOneProcess(int processes)
    {
        List<double> longest = [];
        for (int i = 0; i < 9; i++)
        {
            using PacedFleet fleet = new(processes, slides: true, static time => new(time), [("east", 38), ("west", 19), ("north", 6)], maxWait: 10);
            await fleet.RunEvenlyAsync(40, 60);

            double[] waits = fleet.WaitsSince(TimeSpan.FromSeconds(10));
            Assert.Equal(0, fleet.Failed);
            longest.Add(waits[(int)(0.99 * waits.Length)]);
        }

        longest.Sort();
        Assert.InRange(longest[2], 0, 60);
    }

    /// <summary>Calls that wait hold permits at a pace that comes back meanwhile, also while nobody asks. Each would have its answer within 5.1 s at best.</summary>
    [Theory]
    [InlineData(1, false, 5300)]
    [InlineData(4, false, 5300)]
    [InlineData(16, false, 5300)]
    [InlineData(1, true, 5900)]
    [InlineData(4, true, 5900)]
    [InlineData(16, true, 6300)]
    public async Task LoadThatEnds_IsAnsweredAtThePaceThatComesBack(int processes, bool slides, double longest)
    {
        List<double> waits = [];
        for (int i = 0; i < 9; i++)
        {
            using PacedFleet fleet = new(processes, slides, time => new(time, i) { MostTrip = TimeSpan.FromMilliseconds(1) }, [("east", 24), ("west", 12), ("north", 4)], maxWait: 30);
            fleet.Fleet.Before = static async _ => await Task.Yield();
            await fleet.RunEvenlyAsync(10, 60);
            await fleet.AdvanceAsync(8, 0.002);
            double[] all = fleet.WaitsSince(default);
            waits.Add(all[^1]);
            TestContext.Current.TestOutputHelper!.WriteLine($"{all.Length} p99 {all[(int)(0.99 * all.Length)]:0} longest {all[^1]:0} attempts {fleet.AttemptsSince(default):0.000}");
        }

        waits.Sort();
        Assert.InRange(waits[2], 0, longest);
    }

    /// <summary>No call waits for a permit there meanwhile: they are asked for ahead, and come of what the line has had no use for.</summary>
    [Theory]
    [InlineData(1, 15)]
    [InlineData(4, 10)]
    public async Task WhileAnotherEndpointHasRoom_ThePacedOneIsUsedAllTheSame(int processes, double least)
    {
        using PacedFleet fleet = new(processes, slides: true, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(1) }, [("east", 1000), ("west", 19)], maxWait: 10);
        await fleet.RunEvenlyAsync(10, 80);

        double perSecond = fleet.PerSecondSince(TimeSpan.FromSeconds(2), "west");
        TestContext.Current.TestOutputHelper!.WriteLine($"{perSecond:0.0} of 19 a second, {fleet.AttemptsSince(default):0.00}");
        Assert.InRange(perSecond, least, 19.5);
        Assert.InRange(fleet.AttemptsSince(default), 1, 1.05);
        Assert.InRange(fleet.WaitsSince(default)[^1], 0, 10);
    }

    /// <summary>On windows that begin at fixed times. While permits ahead came only once in a quarter of a second, they waited for 150 ms: the last endpoint without a pace took too many calls.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(4, 0)]
    [InlineData(16, 0)]
    // What a process took in the last second is the first pace, also where it took nothing for long before.
    [InlineData(1, 20)]
    [InlineData(4, 20)]
    [InlineData(16, 20)]
    public async Task NearTheLimit_WhileThePaceIsLearned_CallsWaitForATenthOfASecond(int processes, int quietSeconds)
    {
        List<double> longest = [];
        for (int i = 0; i < 9; i++)
        {
            using PacedFleet fleet = new(processes, slides: false, time => new(time, i) { MostTrip = TimeSpan.FromMilliseconds(1) }, [("east", 38), ("west", 19), ("north", 6)], maxWait: 10);
            // No call over a network completes synchronously.
            fleet.Fleet.Before = static async _ => await Task.Yield();
            await fleet.AdvanceAsync(quietSeconds, step: 0.5);
            await fleet.RunEvenlyAsync(10, 60);
            double[] waits = fleet.WaitsSince(default);
            longest.Add(waits[(int)(0.99 * waits.Length)]);
        }

        longest.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine(string.Join(' ', longest));
        Assert.InRange(longest[2], 0, 100);
    }

    /// <summary>Others that heard of it sooner would ask for the pace that is not changed yet, and believe it.</summary>
    [Fact]
    public async Task RejectionIsTold_OnceThoseWhoGrantKnowOfIt()
    {
        using FakeFleet fleet = new(2, ["east", "west"], backplane: static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(20) });
        fleet.On = static request => request.Host == "east" ? FakeService.Refusal(429, ("retry-after-ms", "500")) : null;
        await fleet.AskAsync(0, 2);
        await Eventually.TrueAsync(() => fleet.Backplane.Asked.Count == 1);
        Assert.Empty(fleet.Backplane.Published);

        fleet.Time.Advance(TimeSpan.FromMilliseconds(20));
        fleet.Time.Advance(TimeSpan.FromMilliseconds(20));
        await Eventually.TrueAsync(() => fleet.Backplane.Published.Length == 1);
        Assert.Equal(PoolFactKind.Paced, fleet.Backplane.Published[0].Kind);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    public async Task ProcessThatStarts_KnowsThePace_BeforeItsFirstCall(int processes)
    {
        using PacedFleet fleet = Fleet(processes, slides: true);
        await fleet.RunAsync(8, 95, new Random(3));
        TimeSpan from = fleet.Now;
        for (int i = 0; i < processes; i++)
        {
            fleet.Replace(i);
            await fleet.RunAsync(4.0 / processes, 95, new Random(i));
        }

        await fleet.RunAsync(6, 95, new Random(4));
        Assert.Equal(0, fleet.Failed);
        Assert.InRange(fleet.AttemptsSince(from), 1, 1.2);
    }

    /// <summary>The pace comes back by what their calls wait for, although most of them are gone when the calls start.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    public async Task ProcessesOfFewCalls_NeedNoRejectionOfTheirOwn_AndUseThePace(int processes)
    {
        using PacedFleet fleet = Fleet(processes, slides: true);
        Random lives = new(5);
        int[] left = [.. Enumerable.Range(0, processes).Select(_ => lives.Next(1, 21))];
        await fleet.RunAsync(20, 95, new Random(6), ended: pool =>
        {
            if (--left[pool] == 0)
            {
                fleet.Replace(pool);
                left[pool] = lives.Next(1, 21);
            }
        });

        TestContext.Current.TestOutputHelper!.WriteLine($"{fleet.PerSecondSince(default):0.0} answers a second");
        Assert.Equal(0, fleet.Failed);
        Assert.InRange(fleet.AttemptsSince(default), 1, 1.2);
        Assert.InRange(fleet.PerSecondSince(default), 85, 100);
    }

    [Fact]
    public async Task WhileNobodyAnswers_EachKeepsItsShare_AndTheFleetsPaceIsBackWithTheAnswers()
    {
        using PacedFleet fleet = Fleet(8, slides: true);
        await fleet.RunAsync(8, 90, new Random(3));
        TimeSpan away = fleet.Now;
        fleet.Fleet.Backplane.IsAway = true;
        await fleet.RunAsync(5, 90, new Random(4));
        double alone = fleet.AttemptsSince(away);
        fleet.Fleet.Backplane.IsAway = false;
        await fleet.RunAsync(2, 90, new Random(5));
        TimeSpan back = fleet.Now;
        await fleet.RunAsync(6, 90, new Random(6));

        Assert.Equal(0, fleet.Failed);
        Assert.InRange(alone, 1, 1.4);
        Assert.InRange(fleet.AttemptsSince(back), 1, 1.2);
    }

    [Fact]
    public async Task Emptied_IsToldAgainByWhoeverKnows()
    {
        using PacedFleet fleet = Fleet(8, slides: true);
        await fleet.RunAsync(8, 95, new Random(3));
        TimeSpan wiped = fleet.Now;
        fleet.Fleet.Backplane.Wipe();
        await fleet.RunAsync(6, 95, new Random(4));

        Assert.Equal(0, fleet.Failed);
        Assert.InRange(fleet.AttemptsSince(wiped), 1, 1.2);
    }

    /// <summary>An oracle needs 2 s for it. As a rule it takes 2.3 to 2.5, at 1.0, 1.2 and 1.4 attempts.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public async Task ThousandCallsAtOneInstant_WaitHardlyLongerThanTheyMust(int processes)
    {
        using PacedFleet fleet = new(processes, slides: false, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(1) }, [("east", 100), ("west", 100), ("north", 100), ("south", 100)], maxWait: 10);
        for (int i = 0; i < 1000; i++)
        {
            _ = fleet.Ask(i % processes);
        }

        await fleet.AdvanceAsync(4, 0.002);
        double[] waits = fleet.WaitsSince(default);
        Assert.Equal((0, 1000), (fleet.Failed, waits.Length));
        Assert.InRange(waits[^1], 2000, 3000);
        Assert.InRange(fleet.AttemptsSince(default), 1, 1.7);
    }

    [Fact]
    public async Task LateAnswers_CostLittle()
    {
        using PacedFleet fleet = Fleet(8, slides: false, backplane: static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(6) });
        await fleet.RunAsync(12, 95, new Random(3));

        Assert.Equal(0, fleet.Failed);
        Assert.InRange(fleet.AttemptsSince(default), 1, 1.2);
    }

    /// <summary>
    /// One answer in 18 takes longer than the 50 ms for which calls wait. While such answers were dropped, and processes that went alone began with a call each, the third best waited for 0.6, 0.9 and 1.1 s at the
    /// 99th percentile.
    /// </summary>
    [Theory]
    [InlineData(1, 400)]
    [InlineData(4, 500)]
    [InlineData(16, 900)]
    public async Task AnswersThatTakeLongerThanCallsWait_AreUsed(int processes, double longest)
    {
        List<double> waits = [];
        for (int seed = 1; seed <= 9; seed++)
        {
            using PacedFleet fleet = new(processes, slides: true, time => new(time, seed) { MostTrip = TimeSpan.FromMilliseconds(30) }, [("east", 38), ("west", 19), ("north", 6)], maxWait: 10);
            fleet.Fleet.Time.MostLate = TimeSpan.FromMilliseconds(5);
            await fleet.RunEvenlyAsync(20, 60);

            double[] all = fleet.WaitsSince(default);
            Assert.Equal(0, fleet.Failed);
            waits.Add(all[(int)(0.99 * all.Length)]);
        }

        waits.Sort();
        TestContext.Current.TestOutputHelper!.WriteLine(string.Join(' ', waits));
        Assert.InRange(waits[2], 0, longest);
    }

    [Fact]
    public async Task WhereAllHaveRoom_NobodyAsks()
    {
        using PacedFleet fleet = Fleet(4, slides: true);
        await fleet.RunAsync(5, 15, new Random(3));

        Assert.Empty(fleet.Fleet.Backplane.Asked);
        Assert.Equal(0, fleet.RejectedSince(default));
    }

    [Fact]
    public async Task PaceThatNobodyNeeds_IsForgottenByAll()
    {
        using PacedFleet fleet = Fleet(2, slides: true);
        await fleet.RunAsync(3, 130, new Random(3));
        await fleet.AdvanceAsync(10, step: 0.02);
        for (int i = 0; i < 45; i++)
        {
            // Each asks each host.
            for (int call = 0; call < 6; call++)
            {
                _ = fleet.Ask(call % 2);
            }

            await fleet.AdvanceAsync(10, step: 0.1);
        }

        int asked = fleet.Fleet.Backplane.Asked.Count;
        for (int call = 0; call < 12; call++)
        {
            await fleet.Ask(call % 2);
        }

        Assert.Equal(asked, fleet.Fleet.Backplane.Asked.Count);
        Assert.All(fleet.Fleet.Pools.SelectMany(static pool => pool.Pool.Endpoints), static endpoint => Assert.False(endpoint.Capacity.IsLimited));
    }

    /// <summary>A writer that keeps to no rule says that nobody may call for a day.</summary>
    [Fact]
    public async Task WordOfOthers_ThatStopsAll_IsDoubted()
    {
        using ServicePool pool = new(["east"], configure: static options => (options.Backplane, options.MaxWait) = (new Hostile(), TimeSpan.FromSeconds(30)));
        ((Hostile)Hostile.Last!).Heard!(new() { Id = pool.Pool.Endpoints[0].Setup.Ids!.Pace, Kind = PoolFactKind.Paced, For = TimeSpan.FromMinutes(5), Generation = 1, Source = Guid.NewGuid() });
        Task<string>[] calls = [.. Enumerable.Range(0, 8).Select(_ => pool.AskAsync())];
        for (int i = 0; i < 290 && !Array.TrueForAll(calls, static call => call.IsCompleted); i++)
        {
            await Eventually.TrueAsync(() => calls.Count(static call => !call.IsCompleted) == pool.Pool.WaitingCalls);
            pool.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.All(await Task.WhenAll(calls), static answer => Assert.Equal("east", answer));
    }

    private static PacedFleet Fleet(int processes, bool slides, double maxWait = 30, Func<TimeProvider, InMemoryBackplane>? backplane = null) =>
        new(processes, slides, backplane ?? (static time => new(time)), Hosts, maxWait);

    private sealed class Hostile : IPoolBackplane
    {
        public Hostile() => Last = this;

        public static IPoolBackplane? Last { get; private set; }

        public Action<PoolFact>? Heard { get; private set; }

        public void Publish(in PoolFact fact)
        {
        }

        public IDisposable Subscribe(Action<PoolFact> heard)
        {
            Heard = heard;
            return new MemoryStream();
        }

        public ValueTask<PermitReply> AskAsync(PermitRequest request, CancellationToken cancellationToken) => new(new PermitReply
        {
            Permits = [],
            NextIn = [TimeSpan.FromDays(1)],
            Granted = [1],
            Paces = [new() { Version = 7, PerSecond = 0.01, Plateau = 0.01, Back = TimeSpan.FromSeconds(30), IsConfirmed = true }],
        });
    }
}
