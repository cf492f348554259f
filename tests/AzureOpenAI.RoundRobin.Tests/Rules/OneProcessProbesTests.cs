using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>When an ejection ends, one process of a fleet probes, and not each of them.</summary>
public sealed class OneProcessProbesTests
{
    private static readonly string[] Three = ["east", "west", "north"];
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private bool _isDead = true;

    [Theory]
    [InlineData(4)]
    [InlineData(16)]
    [InlineData(64)]
    public async Task WhileItIsProbed_TheOthersLeaveItAlone(int processes)
    {
        using FakeFleet fleet = Dead(processes);
        await AskAllAsync(fleet, 3);
        Assert.Equal(1, fleet.CallsTo("east").Sum());

        // Long after the cooldown of all, and the head start of the one that found it.
        fleet.Time.Advance(3 * Second);
        TaskCompletionSource probe = new();
        fleet[1].Service.Before = request => request.Host == "east" ? probe.Task : Task.CompletedTask;
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => fleet[1].AskAsync())];
        await AskAllAsync(fleet, 6, except: 1);

        Assert.Equal(2, fleet.CallsTo("east").Sum());
        Assert.Equal(PoolFactKind.Probing, fleet.Backplane.Published[^1].Kind);
        Assert.Equal(EndpointState.Unavailable, fleet[0].StateOf("east"));

        // It is back for all as soon as the probe is answered.
        _isDead = false;
        probe.SetResult();
        await Task.WhenAll(calls);
        await AskAllAsync(fleet, 3);
        Assert.All(fleet.CallsTo("east").Where((_, pool) => pool != 1), count => Assert.InRange(count, 1, 4));
    }

    [Fact]
    public async Task ProbeThatFails_IsEnoughForAll_AlsoForThoseThatHaveMetTheFault()
    {
        using FakeFleet fleet = Dead(16);
        fleet.Backplane.Lost = 1;
        await AskAllAsync(fleet, 3);
        fleet.Backplane.Lost = 0;
        Assert.Equal(16, fleet.CallsTo("east").Sum());
        Assert.All(Enumerable.Range(0, 16), pool => Assert.Null(fleet.StatusOf(pool, "east").ToldBy));

        for (int seconds = 1; seconds <= 20; seconds++)
        {
            fleet.Time.Advance(Second);
            await AskAllAsync(fleet, 3);
        }

        // What one process alone would have needed, and not 16 times that.
        Assert.InRange(fleet.CallsTo("east").Sum() - 16, 2, 20);
    }

    [Fact]
    public async Task ProcessThatEndsWhileItProbes_HoldsNobodyUp()
    {
        using FakeFleet fleet = Dead(3);
        await AskAllAsync(fleet, 3);
        fleet.Time.Advance(Second);
        fleet[0].Service.Before = request => request.Host == "east" ? new TaskCompletionSource().Task : Task.CompletedTask;
        Task<string>[] lost = [.. Enumerable.Range(0, 3).Select(_ => fleet[0].AskAsync())];
        Assert.Equal(2, fleet.CallsTo("east").Sum());
        _isDead = false;

        fleet.Time.Advance(TimeSpan.FromSeconds(9.9));
        await AskAllAsync(fleet, 3, except: 0);
        Assert.Equal(2, fleet.CallsTo("east").Sum());
        fleet.Time.Advance(TimeSpan.FromSeconds(0.1));
        await AskAllAsync(fleet, 3, except: 0);

        Assert.All([1, 2], pool => Assert.Equal(EndpointState.Recovering, fleet[pool].StateOf("east")));
        Assert.Contains(lost, static call => !call.IsCompleted);
    }

    [Fact]
    public async Task OwnProbe_IsNotHeldBack()
    {
        using FakeFleet fleet = Dead(1);
        await AskAllAsync(fleet, 3);
        fleet.Time.Advance(Second);
        TaskCompletionSource probe = new();
        fleet[0].Service.Before = request => request.Host == "east" ? probe.Task : Task.CompletedTask;
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => fleet[0].AskAsync())];
        fleet.Backplane.Inject(Probing(fleet));

        Assert.Equal(EndpointState.Probing, fleet[0].StateOf("east"));
        _isDead = false;
        probe.SetResult();
        await Task.WhenAll(calls);
        Assert.Equal(EndpointState.Recovering, fleet[0].StateOf("east"));
    }

    /// <summary>However often somebody says that he probes, a fault that calls of this pool have met is probed within 5 minutes.</summary>
    [Fact]
    public async Task WordOfOthers_DelaysAnOwnProbe_ForFiveMinutesAtMost()
    {
        using FakeFleet fleet = Dead(1);
        await AskAllAsync(fleet, 3);
        for (int i = 0; i < 60; i++)
        {
            fleet.Backplane.Inject(Probing(fleet));
            fleet.Time.Advance(5 * Second);
            Assert.Equal(i < 59 ? EndpointState.Unavailable : EndpointState.Probing, fleet[0].StateOf("east"));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HealthyOrThrottledEndpoint_IsNotConcerned(bool isThrottled)
    {
        using FakeFleet fleet = new(1, Three);
        fleet.On = request => isThrottled && request.Host == "east" ? FakeService.Refusal(429, ("retry-after", "2")) : null;
        await fleet.AskAsync(0, 3);
        fleet.Backplane.Inject(Probing(fleet));
        fleet.Backplane.Inject(Probing(fleet) with { Id = fleet.IdsOf("east").Deployment });
        fleet.Time.Advance(2 * Second);

        Assert.Equal(EndpointState.Healthy, fleet[0].StateOf("east"));
    }

    private static PoolFact Probing(FakeFleet fleet) =>
        fleet.Told("east", EndpointFailureReason.Unreachable, 10) with { Kind = PoolFactKind.Probing };

    private static async Task AskAllAsync(FakeFleet fleet, int count, int except = -1)
    {
        for (int pool = 0; pool < fleet.Pools.Count; pool++)
        {
            if (pool != except)
            {
                await fleet.AskAsync(pool, count);
            }
        }
    }

    private FakeFleet Dead(int processes)
    {
        FakeFleet fleet = new(processes, Three);
        fleet.On = request => _isDead && request.Host == "east" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        return fleet;
    }
}
