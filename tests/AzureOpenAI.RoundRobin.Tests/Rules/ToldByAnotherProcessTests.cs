using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What one process has found about an endpoint, the others know without a call.</summary>
public sealed class ToldByAnotherProcessTests
{
    private static readonly string[] Three = ["east", "west", "north"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Throttled_IsAskedByOneProcessOnly_UntilItsStatedTime(bool streaming)
    {
        using FakeFleet fleet = new(4, Three);
        fleet.On = request => request.Host == "east" && fleet.Time.GetUtcNow() < Clocks.Start.AddSeconds(20) ? FakeService.Refusal(429, ("retry-after", "20")) : null;
        await fleet.AskAsync(0, 3, streaming);
        for (int pool = 1; pool < 4; pool++)
        {
            await fleet.AskAsync(pool, 6, streaming);
        }

        Assert.Equal([1, 0, 0, 0], fleet.CallsTo("east"));
        EndpointStatus told = fleet.StatusOf(1, "east");
        Assert.Equal(
            (EndpointState.Unavailable, EndpointFailureReason.RateLimited, TimeSpan.FromSeconds(20), "another process"), (told.State, told.Reason, told.ReadyIn, told.ToldBy));
        Assert.Contains("rate limited, told by another process", told.ToString(), StringComparison.Ordinal);
        Assert.Null(fleet.StatusOf(0, "east").ToldBy);
        Assert.Equal(
            [(PoolFactKind.Ejected, true, 1, TimeSpan.FromSeconds(20)), (PoolFactKind.Paced, false, 1, TimeSpan.FromMinutes(5))],
            fleet.Backplane.Published.Select(static fact => (fact.Kind, fact.IsStated, fact.Generation, fact.For)));

        // After a pause it takes calls at once, without a probe, and nobody need be told.
        fleet.Time.Advance(TimeSpan.FromSeconds(20));
        await fleet.AskAsync(1, 3, streaming);
        Assert.Equal((EndpointState.Healthy, null, 1), (fleet.StatusOf(1, "east").State, fleet.StatusOf(1, "east").ToldBy, fleet.CallsTo("east")[1]));
        Assert.Equal(2, fleet.Backplane.Published.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadHost_IsUnavailableWithAllItsDeployments_AndItsReturnIsToldOnce(bool streaming)
    {
        using FakeFleet fleet = new(3, ["east/gpt", "east/mini", "west", "north"]);
        bool isDead = true;
        fleet.On = request => isDead && request.Host == "east" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await fleet.AskAsync(0, 4, streaming);
        await fleet.AskAsync(1, 8, streaming);
        await fleet.AskAsync(2, 8, streaming);

        Assert.Equal([1, 0, 0], fleet.CallsTo("east"));
        Assert.Equal(("another process", "another process"), (fleet.StatusOf(2, "east-gpt").ToldBy, fleet.StatusOf(2, "east-mini").ToldBy));

        // The process that found it probes first; one admitted probe is enough for all.
        isDead = false;
        fleet.Time.Advance(TimeSpan.FromSeconds(1));
        await fleet.AskAsync(1, 4, streaming);
        Assert.Equal(0, fleet.CallsTo("east")[1]);
        await fleet.AskAsync(0, 4, streaming);
        Assert.All([1, 2], pool => Assert.Equal(EndpointState.Recovering, fleet.StatusOf(pool, "east-gpt").State));
        await fleet.AskAsync(1, 4, streaming);
        await fleet.AskAsync(2, 4, streaming);
        Assert.All(fleet.CallsTo("east").Skip(1), calls => Assert.InRange(calls, 1, 4));
        Assert.Equal([PoolFactKind.Ejected, PoolFactKind.Probing, PoolFactKind.Recovered], fleet.Backplane.Published.Select(fact => fact.Kind));
    }

    public static TheoryData<int, int> Fleets => new MatrixTheoryData<int, int>([2, 16, 64], [401, 404, 429, 0]);

    /// <summary>Status 0 is a host that is dead.</summary>
    [Theory]
    [MemberData(nameof(Fleets))]
    public async Task OfAnyNumberOfProcesses_OneFindsIt(int processes, int status)
    {
        using FakeFleet fleet = new(processes, Three);
        fleet.On = request => request.Host != "east" ? null
            : status == 0 ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused")
            : FakeService.Refusal(status, ("retry-after", "20"));
        for (int i = 0; i < 6; i++)
        {
            for (int pool = 0; pool < processes; pool++)
            {
                await fleet.AskAsync(pool, 1);
            }
        }

        Assert.Equal(1, fleet.CallsTo("east").Sum());
        Assert.Single(fleet.Backplane.Published, static fact => fact.Kind != PoolFactKind.Paced);
    }

    /// <summary>All find it at the same moment: each tells it, and no call beyond those in flight is made.</summary>
    [Fact]
    public async Task CallsInFlight_AreAllThatItCosts()
    {
        using FakeFleet fleet = new(16, Three);
        TaskCompletionSource running = new();
        bool isHeld = true;
        foreach (ServicePool pool in fleet.Pools)
        {
            pool.Service.Before = request => isHeld && request.Host == "east" ? running.Task : Task.CompletedTask;
        }

        fleet.On = request => request.Host == "east" ? FakeService.Refusal(429, ("retry-after", "20")) : null;
        Task<string>[] calls = [.. fleet.Pools.Select(pool => pool.AskAsync())];
        isHeld = false;
        running.SetResult();
        Assert.All(await Task.WhenAll(calls), answer => Assert.NotEqual("east", answer));
        for (int pool = 0; pool < 16; pool++)
        {
            await fleet.AskAsync(pool, 3);
        }

        Assert.All(fleet.CallsTo("east"), count => Assert.Equal(1, count));
    }

    [Fact]
    public async Task DeadHost_WhoseFinderIsGone_IsProbedByAnotherASecondLater()
    {
        using FakeFleet fleet = new(2, Three);
        bool isDead = true;
        fleet.On = request => isDead && request.Host == "east" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await fleet.AskAsync(0, 3);
        fleet[0].Pool.Dispose();
        isDead = false;

        fleet.Time.Advance(TimeSpan.FromSeconds(1.9));
        await fleet.AskAsync(1, 3);
        Assert.Equal(0, fleet.CallsTo("east")[1]);
        fleet.Time.Advance(TimeSpan.FromSeconds(0.1));
        await fleet.AskAsync(1, 3);

        Assert.Equal(EndpointState.Recovering, fleet.StatusOf(1, "east").State);
        Assert.Equal(1, fleet.Backplane.Subscribers);
    }

    /// <summary>How long a failure takes there only the process knows that has met it, so a probe that hangs opens the endpoint to no one.</summary>
    [Fact]
    public async Task ProbeOnHearsay_IsNotAdmittedByTime()
    {
        using FakeFleet fleet = new(2, Three);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 5));
        fleet.Time.Advance(TimeSpan.FromSeconds(6));
        TaskCompletionSource connecting = new();
        fleet[1].Service.Before = request => request.Host == "east" ? connecting.Task : Task.CompletedTask;
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => fleet[1].AskAsync())];
        fleet.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal((EndpointState.Probing, 1), (fleet[1].StateOf("east"), fleet.CallsTo("east")[1]));

        connecting.SetException(new HttpRequestException(HttpRequestError.ConnectionError, "refused"));
        await Task.WhenAll(calls);
        Assert.Equal((EndpointState.Unavailable, null), (fleet.StatusOf(1, "east").State, fleet.StatusOf(1, "east").ToldBy));
        Assert.DoesNotContain(fleet.Backplane.Published, fact => fact.Kind == PoolFactKind.Recovered);
    }

    [Fact]
    public async Task RefusedKey_IsToldToThoseWithTheSameKeyOnly()
    {
        using FakeFleet fleet = new(2, Three);
        ServicePool rotated = fleet.Join(endpoint: (i, entry) => entry.ApiKey = i == 0 ? "secret-key-that-is-new-0123456789" : entry.ApiKey);
        fleet.On = request => request.Host == "east" && request.Header("api-key") == ServicePool.KeyOf("east") ? FakeService.Refusal(401) : null;
        await fleet.AskAsync(0, 3);
        await fleet.AskAsync(1, 6);
        await fleet.AskAsync(2, 6);

        Assert.Equal([1, 0, 2], fleet.CallsTo("east"));
        Assert.Equal(
            (EndpointFailureReason.CredentialRefused, EndpointState.Healthy), (fleet.StatusOf(1, "east").Reason, rotated.StateOf("east")));
    }

    [Fact]
    public async Task RefusedCredential_IsToldToNobody()
    {
        using FakeFleet fleet = new(2, Three);
        FakeCredential credential = new(fleet.Time);
        Array.ForEach([0, 1], _ => fleet.Join(endpoint: (_, entry) => (entry.ApiKey, entry.Credential) = (null, credential)));
        fleet.On = request => request.Host == "east" ? FakeService.Refusal(401) : null;
        await fleet.AskAsync(2, 3);

        Assert.Equal(EndpointFailureReason.CredentialRefused, fleet.StatusOf(2, "east").Reason);
        Assert.Empty(fleet.Backplane.Published);
    }

    [Fact]
    public async Task MissingDeployment_IsToldOfThatDeploymentOnly()
    {
        using FakeFleet fleet = new(2, ["east/gpt", "east/mini", "west"]);
        fleet.On = request => request is { Host: "east", Deployment: "gpt" } ? FakeService.Error(404, "DeploymentNotFound") : null;
        await fleet.AskAsync(0, 3);
        await fleet.AskAsync(1, 6);

        Assert.Equal(EndpointFailureReason.MissingDeployment, fleet.StatusOf(1, "east-gpt").Reason);
        Assert.Equal((EndpointState.Healthy, 0), (fleet.StatusOf(1, "east-mini").State, fleet[1].Service.Requests.Count(request => request.Deployment == "gpt" && request.Host == "east")));
    }

    [Fact]
    public async Task LastAvailableEndpoint_StaysAvailable()
    {
        using FakeFleet fleet = new(1, Three);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 60));
        fleet.Backplane.Publish(fleet.Told("west", EndpointFailureReason.RateLimited, 60, isStated: true));
        fleet.Backplane.Publish(fleet.Told("north", EndpointFailureReason.MissingDeployment, 60));
        fleet.Backplane.Publish(fleet.Told("north", EndpointFailureReason.RateLimited, 60, generation: 2, isStated: true));
        await fleet.AskAsync(0, 6);

        Assert.Equal((EndpointState.Healthy, 6), (fleet.StatusOf(0, "north").State, fleet.CallsTo("north")[0]));
        Assert.All(["east", "west"], name => Assert.Equal("another process", fleet.StatusOf(0, name).ToldBy));
    }

    [Fact]
    public void OnlyEndpointOfAModel_StaysAvailable()
    {
        using FakeFleet fleet = new(1, Three, (i, entry) => entry.Deployments["special"] = i == 0 ? "special" : "gpt");
        using FakeFleet alone = new(1, Three, (i, entry) =>
        {
            if (i == 0)
            {
                entry.Deployments["special"] = "special";
            }
        });
        Array.ForEach([fleet, alone], some => some.Backplane.Publish(some.Told("east", EndpointFailureReason.Unreachable, 60)));

        Assert.Equal((EndpointState.Unavailable, EndpointState.Healthy), (fleet[0].StateOf("east"), alone[0].StateOf("east")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OwnSuccess_BeatsIt_ForAMinute(bool streaming)
    {
        using FakeFleet fleet = new(1, Three);
        TaskCompletionSource running = new();
        fleet[0].Service.Before = request => request.Host == "east" ? running.Task : Task.CompletedTask;
        Task<string> call = fleet[0].AskAsync(streaming);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 60));
        Assert.Equal(EndpointState.Unavailable, fleet[0].StateOf("east"));

        running.SetResult();
        Assert.Equal("east", await call);
        Assert.Equal(EndpointState.Recovering, fleet[0].StateOf("east"));
        Assert.Equal(PoolFactKind.Recovered, fleet.Backplane.Published[^1].Kind);

        fleet.Time.Advance(TimeSpan.FromSeconds(59));
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 60, generation: 2));
        Assert.Equal(EndpointState.Recovering, fleet[0].StateOf("east"));
        fleet.Time.Advance(TimeSpan.FromSeconds(1));
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 60, generation: 3));
        Assert.Equal(EndpointState.Unavailable, fleet[0].StateOf("east"));
    }

    [Fact]
    public async Task OwnSuccess_OfACallFromBefore_IsNoneAgainstAPause()
    {
        using FakeFleet fleet = new(1, Three);
        TaskCompletionSource running = new();
        fleet[0].Service.Before = request => request.Host == "east" ? running.Task : Task.CompletedTask;
        Task<string> call = fleet[0].AskAsync();
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.RateLimited, 10));
        running.SetResult();
        await call;

        Assert.Equal(EndpointState.Unavailable, fleet[0].StateOf("east"));
    }

    [Fact]
    public async Task OwnFailure_IsNotReplaced()
    {
        using FakeFleet fleet = new(1, Three);
        fleet.On = request => request.Host == "east" ? FakeService.Refusal(404) : null;
        await fleet.AskAsync(0, 3);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.RateLimited, 60, generation: 2, isStated: true));

        EndpointStatus status = fleet.StatusOf(0, "east");
        Assert.Equal((EndpointFailureReason.MissingDeployment, null, TimeSpan.FromSeconds(10)), (status.Reason, status.ToldBy, status.ReadyIn));
    }

    [Fact]
    public async Task OwnFailure_IsProbed_WhenAnotherProcessIsAnswered()
    {
        using FakeFleet fleet = new(1, Three);
        bool isDead = true;
        fleet.On = request => isDead && request.Host == "east" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await fleet.AskAsync(0, 3);
        isDead = false;
        PoolFact back = fleet.Told("east", EndpointFailureReason.Unreachable, 1) with { Kind = PoolFactKind.Recovered };

        fleet.Backplane.Publish(back with { Id = fleet.IdsOf("west").Resource });
        fleet.Time.Advance(TimeSpan.FromSeconds(0.3));
        Assert.Equal(EndpointState.Unavailable, fleet[0].StateOf("east"));
        fleet.Backplane.Publish(back);

        Assert.Equal(EndpointState.Probing, fleet[0].StateOf("east"));
    }

    [Fact]
    public async Task OnHearsayAlone_NoCallFailsAtOnce()
    {
        using FakeFleet fleet = new(1, ["east", "west"]);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.MissingDeployment, 60));
        fleet.On = request => request.Host == "west" ? FakeService.Refusal(401) : null;

        Task<string> call = fleet[0].AskAsync();
        fleet.Time.Advance(TimeSpan.FromSeconds(0.5));

        Assert.Equal("east", await call);
        Assert.Equal((EndpointState.Recovering, EndpointState.Unavailable), (fleet[0].StateOf("east"), fleet[0].StateOf("west")));
    }

    [Fact]
    public void ProcessThatStartsLater_IsToldWhatHolds()
    {
        using FakeFleet fleet = new(1, Three);
        fleet.Backplane.Publish(fleet.Told("east", EndpointFailureReason.Unreachable, 60));
        fleet.Time.Advance(TimeSpan.FromSeconds(20));
        fleet.Join();

        Assert.Equal(("another process", TimeSpan.FromSeconds(41)), (fleet.StatusOf(1, "east").ToldBy, fleet.StatusOf(1, "east").ReadyIn));
    }

    [Fact]
    public void OverFiveMinutes_HoldsForFive()
    {
        using FakeFleet fleet = new(1, Three);
        fleet.Backplane.Inject(fleet.Told("east", EndpointFailureReason.Unreachable, 1, isStated: true) with { For = TimeSpan.MaxValue });
        fleet.Backplane.Inject(fleet.Told("west", EndpointFailureReason.RateLimited, 1, isStated: true) with { For = TimeSpan.MaxValue });

        Assert.All(["east", "west"], name => Assert.Equal(TimeSpan.FromMinutes(5), fleet.StatusOf(0, name).ReadyIn));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void OutOfRangeOrUnknown_IsIgnored(int fault)
    {
        using FakeMeters meters = new();
        using MetricCollector<long> facts = meters.Collect<long>("backplane.facts");
        using FakeFleet fleet = new(0, Three);
        fleet.Join(meterFactory: meters.Factory);
        PoolFact fact = fleet.Told("east", EndpointFailureReason.Unreachable, 60);
        fleet.Backplane.Inject(fault switch
        {
            0 => fact with { For = TimeSpan.Zero },
            1 => fact with { For = TimeSpan.MinValue },
            2 => fact with { Generation = 0 },
            3 => fact with { Generation = long.MaxValue },
            4 => fact with { Kind = (PoolFactKind)7 },
            5 => fact with { Reason = (EndpointFailureReason)99 },
            _ => fact with { Id = default },
        });

        Assert.Equal(EndpointState.Healthy, fleet[0].StateOf("east"));
        Assert.Equal("ignored", Assert.Single(facts.GetMeasurementSnapshot()).Tags["direction"]);
    }

    [Fact]
    public async Task ItIsLoggedAndCounted()
    {
        using FakeMeters meters = new();
        using MetricCollector<long> facts = meters.Collect<long>("backplane.facts");
        FakeLogCollector logs = new();
        using LoggerFactory factory = new([new FakeLoggerProvider(logs)]);
        using FakeFleet fleet = new(1, Three);
        fleet.Join(factory, meters.Factory);
        fleet.On = request => request.Host == "east" ? FakeService.Refusal(429, ("retry-after", "20")) : null;
        await fleet.AskAsync(0, 3);

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal((15, LogLevel.Information, "Endpoint 'east' is unavailable for 00:00:20: another process found it so (rate_limited)."), (record.Id.Id, record.Level, record.Message));
        fleet.Time.Advance(TimeSpan.FromSeconds(20));
        fleet.On = request => request.Host == "west" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        await fleet.AskAsync(1, 3);
        Assert.Contains(logs.GetSnapshot(), said => said.Id.Id == 5);
        Assert.Equal(["1 direction=taken kind=ejected", "1 direction=taken kind=paced", "1 direction=published kind=ejected"], FakeMeters.Lines(facts));
    }

    [Fact]
    public async Task BackplaneThatThrows_ChangesNoCall_CountsNothingAsPublished_AndIsLoggedOnce()
    {
        using FakeMeters meters = new();
        using MetricCollector<long> facts = meters.Collect<long>("backplane.facts");
        FakeLogCollector logs = new();
        using LoggerFactory factory = new([new FakeLoggerProvider(logs)]);
        using ServicePool pool = new(Three, configure: options => options.Backplane = new Throwing(), loggerFactory: factory, meterFactory: meters.Factory);
        pool.Service.On = request => request.Host is "east" or "west" ? FakeService.Refusal(429, ("retry-after", "20")) : null;

        Assert.Equal("north", await pool.AskAsync());
        Assert.Equal(2, pool.Pool.GetStatus().Count(static status => status.State == EndpointState.Unavailable));
        Assert.Empty(FakeMeters.Lines(facts));
        FakeLogRecord record = Assert.Single(logs.GetSnapshot(), static said => said.Id.Id == 16);
        Assert.Equal((LogLevel.Warning, "BackplaneFailed"), (record.Level, record.Id.Name));
        Assert.IsType<InvalidOperationException>(record.Exception);
    }

    [Fact]
    public async Task ReadyMadeClients_AreNotShared()
    {
        InMemoryBackplane backplane = new(TimeProvider.System);
        using FakePool pool = new(2, options => options.Backplane = backplane);
        pool.Clients[0].Fails = FakeFailure.Refused();
        await pool.AskManyAsync(2);

        Assert.Equal((EndpointState.Unavailable, 0), (pool.StateOf(0), backplane.Published.Length));
    }

    [Fact]
    public async Task FactsHoldNoNameKeyOrPrompt()
    {
        using FakeFleet fleet = new(1, Three);
        fleet.On = request => request.Host switch
        {
            "east" => FakeService.Refusal(401),
            "west" => FakeService.Refusal(429, ("retry-after", "20")),
            _ => null,
        };
        await fleet[0].AskAsync(prompt: "a-secret-prompt");
        string all = string.Join('\n', fleet.Backplane.Published.Select(fact => fact.ToString()));

        Assert.Equal(3, fleet.Backplane.Published.Length);
        Assert.All(["east", "west", "secret", "gpt", "azure.com"], word => Assert.DoesNotContain(word, all, StringComparison.OrdinalIgnoreCase));
    }

    private sealed class Throwing : IPoolBackplane
    {
        public void Publish(in PoolFact fact) => throw new InvalidOperationException();

        public IDisposable Subscribe(Action<PoolFact> heard) => new HttpClient();
    }
}
