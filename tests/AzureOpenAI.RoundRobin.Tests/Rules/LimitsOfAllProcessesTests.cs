using System.Globalization;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A configured limit holds for all processes together where a backplane grants permits, and for each process's share of it while none does.</summary>
public sealed class LimitsOfAllProcessesTests
{
    [Fact]
    public Task AnyArrivalsAndDelays_NeverMoreThanTheLimitStartWithinAnyPeriod() =>
        Gen.Select(Gen.Int[1, 6], Gen.Int[1, 12], Gen.Double[0.3, 2], Gen.Int[0, 20], Gen.Int[0, 1_000_000]).SampleAsync(
            async (pools, atOnce, load, trip, seed) =>
            {
                using LimitedFleet fleet = new(pools, 60 * atOnce, time => new(time, seed) { MostTrip = TimeSpan.FromMilliseconds(trip) });
                Random random = new(seed);
                int calls = await fleet.RunAsync(3, load * atOnce, random);
                await fleet.RunAsync(1, load * atOnce, random);
                int first = fleet.Starts.Length;
                Assert.True(fleet.MostWithin(TimeSpan.FromSeconds(1)) <= atOnce, $"{fleet.MostWithin(TimeSpan.FromSeconds(1))} of {atOnce} within a second.");
                // As many start as may: what other processes hold ahead takes some, for less than a second.
                Assert.True(first >= Math.Min(calls, (0.75 * 4 * atOnce) - 1) - 1, $"{first} of {calls} calls of 3 s have started in 4 s at {atOnce} a second.");
                await fleet.DrainAsync(40);
                Assert.Equal(0, fleet.Open);
                Assert.True(fleet.MostWithin(TimeSpan.FromSeconds(1)) <= atOnce);
            },
            iter: 8, threads: 1);

    [Fact]
    public Task LostRequests_LeaveEachItsShare() =>
        Gen.Select(Gen.Int[2, 5], Gen.Int[0, 1_000_000]).SampleAsync(
            async (pools, seed) =>
            {
                using LimitedFleet fleet = new(pools, 1200, time => new(time, seed) { MostTrip = TimeSpan.FromMilliseconds(20), LostAsks = 0.2 });
                await fleet.RunAsync(5, 40, new Random(seed));
                // A process that is alone for a moment keeps its share beside the permits of the others; from when it knows its share on. So it is twice the limit, and a few more where a share
                // has just changed: one of a hundred runs had 41.
                Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)), 10, 50);
            },
            iter: 6, threads: 1);

    [Fact]
    public async Task Calls_StartInTheOrderInWhichTheyCame_WhicheverProcessTheyAreOf()
    {
        using LimitedFleet fleet = new(3, 60);
        for (int i = 0; i < 9; i++)
        {
            fleet.Begin(i % 3, $"{i}");
            await fleet.AdvanceAsync(0.01);
        }

        await fleet.AdvanceAsync(12);

        Assert.Equal("012345678", string.Concat(fleet.Starts.Select(static start => start.Prompt)));
        Assert.All(fleet.Starts.Select(static start => start.At.TotalSeconds).Zip(Enumerable.Range(0, 9)), static pair => Assert.InRange(pair.First, pair.Second, pair.Second * 1.025));
    }

    [Fact]
    public async Task CallerThatGivesUp_HandsItsPermitOn()
    {
        using LimitedFleet fleet = new(2, 60);
        using CancellationTokenSource gaveUp = new();
        fleet.Begin(0, "first");
        await fleet.AdvanceAsync(0.01);
        Task<string> second = fleet.Ask(0, "second", gaveUp.Token);
        fleet.Begin(0, "third");
        await fleet.AdvanceAsync(0.5);

        await gaveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        await fleet.AdvanceAsync(0.6);

        Assert.Equal(["first", "third"], fleet.Starts.Select(static start => start.Prompt));
        Assert.InRange(fleet.Starts[1].At.TotalSeconds, 1, 1.03);
    }

    [Fact]
    public async Task BeyondMaxWait_IsRefusedAtOnceWithTheTimeOfTheWholeFleet()
    {
        using LimitedFleet fleet = new(2, 6, configure: static options => options.MaxWait = TimeSpan.FromSeconds(5));
        await fleet.Ask(0, "first");

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.Ask(1, "second"));

        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 10, 10.1);
        fleet.Fleet.Time.Advance(refused.RetryAfter.Value);
        await fleet.Ask(1, "third");
    }

    [Fact]
    public async Task PermitsForTheTimeOfAPause_AreVoid()
    {
        using LimitedFleet fleet = new(2, 120);
        for (int i = 0; i < 8; i++)
        {
            fleet.Begin(i % 2, $"{i}");
        }

        await fleet.AdvanceAsync(0.5);
        fleet.PausedUntil = TimeSpan.FromSeconds(4);
        await fleet.AdvanceAsync(9);

        // One is rejected, and tells the other process.
        Assert.InRange(fleet.Rejected, 1, 2);
        Assert.Equal(8, fleet.Starts.Length);
        Assert.DoesNotContain(fleet.Starts, static start => start.At > TimeSpan.FromSeconds(0.5) && start.At < TimeSpan.FromSeconds(4));
        Assert.True(fleet.MostWithin(TimeSpan.FromSeconds(1)) <= 2);
    }

    [Fact]
    public async Task SteadyFlow_HasPermitsInHand()
    {
        using LimitedFleet fleet = new(2, 30_000, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(8) });
        int waited = 0;
        for (int i = 0; i < 400; i++)
        {
            fleet.Begin(i % 2, "x");
            waited += i >= 100 ? fleet.Fleet[i % 2].Pool.WaitingCalls : 0;
            await fleet.AdvanceAsync(0.005);
        }

        Assert.Equal((400, 0), (fleet.Starts.Length, waited));
        Assert.True(fleet.Fleet.Backplane.Asked.Count < 120, $"{fleet.Fleet.Backplane.Asked.Count} requests for 400 calls.");
    }

    /// <summary>Where anybody who reads the limiters lets none wait. What they wait for here is the trip, and where one process has a steady flow, what it holds ahead.</summary>
    [Theory]
    [InlineData(1, 1, 0, 60)]
    [InlineData(4, 1, 0, 4)]
    [InlineData(16, 1, 0, 4)]
    [InlineData(1, 6, 5, 60)]
    [InlineData(4, 6, 5, 14)]
    [InlineData(16, 6, 5, 14)]
    [InlineData(4, 6, 30, 14)]
    [InlineData(16, 6, 30, 14)]
    // Answers that take longer than calls wait for them are used all the same.
    [InlineData(1, 30, 5, 160)]
    [InlineData(4, 30, 5, 120)]
    [InlineData(16, 30, 5, 120)]
    [InlineData(1, 60, 5, 160)]
    [InlineData(4, 60, 5, 160)]
    [InlineData(16, 60, 5, 180)]
    public async Task NearTheLimit_NoCallWaitsLong_HoweverManyProcesses_AndHoweverLateTheirTimers(int pools, int trip, int late, double longest)
    {
        int[] limits = [38, 19, 6];
        using LimitedFleet fleet = new(
            pools, null, time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(trip) }, hosts: ["east", "west", "north"], endpoint: (i, entry) => entry.RequestsPerMinute = 60 * limits[i]);
        fleet.Fleet.Time.MostLate = TimeSpan.FromMilliseconds(late);
        // 95 % of the limits, evenly.
        const int PerSecond = 60;
        for (int i = 0; i < 8 * PerSecond; i++)
        {
            await fleet.AdvanceAsync(Math.Max(0, ((double)i / PerSecond) - fleet.Now.TotalSeconds));
            fleet.Begin(i % pools, fleet.Now.TotalMilliseconds.ToString(CultureInfo.InvariantCulture));
        }

        await fleet.AdvanceAsync(1);
        double[] waits = [.. fleet.Starts.Select(static start => start.At.TotalMilliseconds - double.Parse(start.Prompt, CultureInfo.InvariantCulture)).Order()];
        TestContext.Current.TestOutputHelper!.WriteLine($"{waits[(int)(0.99 * waits.Length)]:0} ms");
        Assert.Equal(8 * PerSecond, waits.Length);
        Assert.InRange(waits[(int)(0.99 * waits.Length)], 0, longest);
    }

    /// <summary>Timers that are late by up to 30 ms, where permits are kept for 20: what starts late is not counted twice.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public async Task BeyondTheLimit_LateTimersCostNoPermits(int pools)
    {
        int[] limits = [24, 12, 4];
        using LimitedFleet fleet = new(
            pools, null, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(6) }, hosts: ["east", "west", "north"], endpoint: (i, entry) => entry.RequestsPerMinute = 60 * limits[i]);
        fleet.Fleet.Time.MostLate = TimeSpan.FromMilliseconds(30);
        for (int i = 0; i < 60 * 10; i++)
        {
            await fleet.AdvanceAsync(Math.Max(0, (i / 60.0) - fleet.Now.TotalSeconds));
            fleet.Begin(i % pools, "x");
        }

        // All 400 of ten periods but for the 2 to 5 % by which permits are kept, since the first period counts in full.
        Assert.InRange(fleet.Starts.Length, 396, 400);
    }

    /// <summary>A thousand calls a second: all that the limit has is used and no more, and processes ask once for each call at most, and ten times a second whether the limit leaves permits ahead.</summary>
    [Theory]
    [InlineData(1, 950)]
    [InlineData(16, 500)]
    [InlineData(16, 950)]
    [InlineData(64, 950)]
    [InlineData(16, 1500)]
    public async Task LargeLimit_IsUsed_ByFewRequests(int pools, int perSecond)
    {
        const int Limit = 1000, Seconds = 4;
        using LimitedFleet fleet = new(pools, 60 * Limit, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(1) }, static options => options.MaxWait = TimeSpan.FromSeconds(1));
        Random random = new(10);
        await fleet.RunAsync(1, perSecond, random);
        (int started, int asked) = (fleet.Starts.Length, fleet.Fleet.Backplane.Asked.Count);
        int calls = await fleet.RunAsync(Seconds, perSecond, random);
        (started, asked) = (fleet.Starts.Length - started, fleet.Fleet.Backplane.Asked.Count - asked);

        Assert.InRange(started, 0.97 * Math.Min(calls, Limit * Seconds), double.MaxValue);
        Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1)), 0, Limit);
        Assert.InRange(asked, 0, started + (10 * pools * Seconds));
        if (perSecond < 0.75 * Limit)
        {
            // By permits ahead: each process has a steady flow, and a quarter of the limit is free.
            Assert.InRange(asked, 0, 26 * pools * Seconds);
        }
    }

    /// <summary>
    /// No call waits for a trip while another endpoint has room, so a process whose calls are further apart than a permit is kept passes the limit by. An even share were a third.
    /// </summary>
    [Theory]
    [InlineData(1, 0.005, 0.06)]
    [InlineData(5, 0.1, 0.22)]
    [InlineData(10, 0.18, 0.3)]
    [InlineData(20, 0.16, 0.29)]
    [InlineData(80, 0.27, 0.36)]
    public async Task ProcessOfFewCalls_PassesALimitBy_WhileOthersHaveRoom(double perSecond, double least, double most)
    {
        const int Pools = 16;
        using LimitedFleet fleet = new(
            Pools, null, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(1) }, hosts: ["east", "west", "north"], endpoint: static (i, entry) => entry.RequestsPerMinute = i == 0 ? 300_000 : null);
        Random random = new(11);
        await fleet.RunAsync(2, Pools * perSecond, random);
        int before = fleet.CallsTo("east");
        int calls = await fleet.RunAsync(Math.Max(2, 400 / (Pools * perSecond)), Pools * perSecond, random);

        double share = (fleet.CallsTo("east") - before) / (double)calls;
        TestContext.Current.TestOutputHelper!.WriteLine($"{share:0.00}");
        Assert.InRange(share, least, most);
        Assert.Equal(0, fleet.Open);
    }

    [Fact]
    public async Task PermitsThatNobodyUses_AgeOut()
    {
        using LimitedFleet fleet = new(2, 600);
        for (int i = 0; i < 40; i++)
        {
            fleet.Begin(0, "x");
            await fleet.AdvanceAsync(0.125);
        }

        await fleet.AdvanceAsync(1.3);
        for (int i = 0; i < 10; i++)
        {
            fleet.Begin(1, "y");
        }

        await fleet.AdvanceAsync(0.01);
        Assert.Equal(10, fleet.Starts.Count(static start => start.Prompt == "y"));
    }

    [Fact]
    public async Task WhileNobodyAnswers_EachKeepsItsShare_AndNobodyStops()
    {
        using LimitedFleet fleet = new(4, 1200);
        // Three of four have all the calls, a fifth of them one and the rest the others.
        Random random = new(7);
        await fleet.RunAsync(4, 30, random, static draw => draw < 0.2 ? 0 : draw < 0.6 ? 1 : 2);
        // Permits in hand stay good: they are for the calls that wait.
        TimeSpan from = fleet.Now + TimeSpan.FromSeconds(3);
        fleet.Fleet.Backplane.IsAway = true;
        await fleet.RunAsync(6, 30, random, static draw => draw < 0.2 ? 0 : draw < 0.6 ? 1 : 2);
        fleet.Begin(3, "idle");
        await fleet.AdvanceAsync(0.01);

        Assert.Contains(fleet.Starts, static start => start.Prompt == "idle");
        // 20 together; the idle one has at least one start in two periods.
        Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1), from), 14, 24);

        fleet.Fleet.Backplane.IsAway = false;
        await fleet.RunAsync(1, 30, random);
        from = fleet.Now + TimeSpan.FromSeconds(1);
        await fleet.RunAsync(3, 30, random);
        Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1), from), 15, 20);
    }

    /// <summary>
    /// Those who grant are away for two seconds near the limit. Of what each process has started by its share they are told what counts still, which is that of the last period; so no call waits for longer than one.
    /// </summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(4, false)]
    [InlineData(16, false)]
    [InlineData(1, true)]
    [InlineData(4, true)]
    [InlineData(16, true)]
    public async Task AwayForTwoPeriods_NearTheLimit_CallsWaitForOneAtMost(int pools, bool wiped)
    {
        int[] limits = [38, 19, 6];
        using LimitedFleet fleet = new(
            pools, null, static time => new(time, 1) { MostTrip = TimeSpan.FromMilliseconds(1) }, hosts: ["east", "west", "north"], endpoint: (i, entry) => entry.RequestsPerMinute = 60 * limits[i]);
        const int PerSecond = 60;
        for (int i = 0; i < 10 * PerSecond; i++)
        {
            await fleet.AdvanceAsync(Math.Max(0, ((double)i / PerSecond) - fleet.Now.TotalSeconds));
            fleet.Fleet.Backplane.IsAway = i is >= 4 * PerSecond and < 6 * PerSecond;
            if (wiped && i == 6 * PerSecond)
            {
                fleet.Fleet.Backplane.Wipe();
            }

            fleet.Begin(i % pools, fleet.Now.TotalMilliseconds.ToString(CultureInfo.InvariantCulture));
        }

        await fleet.DrainAsync(10);
        double[] waits = [.. fleet.Starts.Select(static start => start.At.TotalMilliseconds - double.Parse(start.Prompt, CultureInfo.InvariantCulture)).Order()];
        Assert.Equal(10 * PerSecond, waits.Length);
        Assert.InRange(waits[(int)(0.99 * waits.Length)], 0, 1000);
        Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1), host: "east"), 30, limits[0] + 4);
    }

    [Fact]
    public async Task Emptied_IsLearnedAgain_WithoutASecondBurst()
    {
        using LimitedFleet fleet = new(4, 1200);
        Random random = new(8);
        await fleet.RunAsync(3, 40, random);
        fleet.Fleet.Backplane.Wipe();
        await fleet.RunAsync(3, 40, random);

        // 20 a second; those who do not know yet use what they have.
        Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1)), 15, 30);
        Assert.True(fleet.MostWithin(TimeSpan.FromSeconds(1), fleet.Now - TimeSpan.FromSeconds(1.5)) <= 20);
    }

    [Fact]
    public async Task TokensPerMinute_AreShared()
    {
        using LimitedFleet fleet = new(2, null, configure: static options => options.MaxWait = TimeSpan.FromMinutes(3), tokens: 1000);
        for (int i = 0; i < 6; i++)
        {
            // Each is charged with 400: one for itself, and what it asks for.
            fleet.Begin(i % 2, "x", options: new() { MaxOutputTokens = 399 });
        }

        await fleet.AdvanceAsync(1);
        Assert.Equal(2, fleet.Starts.Length);
        await fleet.AdvanceAsync(60, step: 0.01);
        Assert.Equal(4, fleet.Starts.Length);
        await fleet.AdvanceAsync(60, step: 0.01);
        Assert.Equal(6, fleet.Starts.Length);
    }

    [Fact]
    public async Task SeveralEndpoints_AreUsedAsFarAsEachAllows_AndEvenlyWithinTheirLimits()
    {
        using LimitedFleet fleet = new(3, 600, hosts: ["east", "west", "north"], endpoint: static (i, entry) => entry.RequestsPerMinute = i == 2 ? 120 : 600);
        Random random = new(9);
        await fleet.RunAsync(4, 4.5, random);
        int[] evenly = [.. new[] { "east", "west", "north" }.Select(fleet.CallsTo)];
        Assert.All(evenly, count => Assert.InRange(count, evenly.Sum() / 6, evenly.Sum() / 2));

        TimeSpan from = fleet.Now + TimeSpan.FromSeconds(1);
        await fleet.RunAsync(5, 40, random);
        Assert.All(new[] { ("east", 10), ("west", 10), ("north", 2) }, limit => Assert.InRange(fleet.MostWithin(TimeSpan.FromSeconds(1), from, limit.Item1), limit.Item2 - 2, limit.Item2));
    }

    [Fact]
    public async Task BackplaneThatGrantsNoPermits_ChangesNothing()
    {
        using ServicePool pool = new(["east"], static (_, entry) => entry.RequestsPerMinute = 120, static options => options.Backplane = new Silent());
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync())];
        await Eventually.TrueAsync(() => pool.Pool.WaitingCalls == 1 && pool.Service.Requests.Length == 2);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["east", "east", "east"], await Task.WhenAll(calls));
    }

    [Fact]
    public async Task BackplaneThatThrows_OrNeverAnswers_HoldsNoCallUp()
    {
        foreach (Func<Task<PermitReply>> answer in new Func<Task<PermitReply>>[] { static () => throw new InvalidOperationException(), static () => new TaskCompletionSource<PermitReply>().Task })
        {
            using ServicePool pool = new(["east"], static (_, entry) => entry.RequestsPerMinute = 120, options => options.Backplane = new Silent { Answer = answer });
            Task<string> call = pool.AskAsync();
            await Eventually.TrueAsync(() => call.IsCompleted || pool.Pool.WaitingCalls == 1);
            pool.Time.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal("east", await call);
        }
    }

    [Fact]
    public async Task Disposed_WhileARequestIsOnItsWay_EndsAtOnce()
    {
        ServicePool pool = new(["east"], static (_, entry) => entry.RequestsPerMinute = 120, static options => options.Backplane = new Silent { Answer = static () => new TaskCompletionSource<PermitReply>().Task });
        Task<string> call = pool.AskAsync();
        await Eventually.TrueAsync(() => pool.Pool.WaitingCalls == 1);
        pool.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
    }

    [Fact]
    public async Task AnswersThatCannotBe_AreNoAnswers()
    {
        PermitReply[] replies =
        [
            new() { Permits = [], NextIn = [], Granted = [1] },
            new() { Permits = [new() { Limit = 1, In = default, For = default }], NextIn = [default], Granted = [1] },
            new() { Permits = [new() { Limit = 0, In = TimeSpan.MaxValue, For = default }], NextIn = [default], Granted = [1] },
            new() { Permits = [new() { Limit = 0, In = default, For = TimeSpan.FromDays(1) }], NextIn = [default], Granted = [1] },
            new() { Permits = [new() { Limit = 0, In = default, For = default, Tokens = -1 }], NextIn = [TimeSpan.MinValue], Granted = [-1] },
        ];
        foreach (PermitReply reply in replies)
        {
            using ServicePool pool = new(["east"], static (_, entry) => entry.RequestsPerMinute = 120, options => options.Backplane = new Silent { Answer = () => Task.FromResult(reply) });
            Assert.Equal("east", await pool.AskAsync());
        }
    }

    /// <summary>It carries no facts.</summary>
    private sealed class Silent : IPoolBackplane
    {
        public Func<Task<PermitReply>>? Answer { get; init; }

        public void Publish(in PoolFact fact)
        {
        }

        public IDisposable Subscribe(Action<PoolFact> heard) => new MemoryStream();

        public ValueTask<PermitReply> AskAsync(PermitRequest request, CancellationToken cancellationToken) => Answer is null ? new(PermitReply.Alone) : new(Answer());
    }
}
