using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Telemetry;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>What a step looks at does not grow with what it has nothing to do with. Operations are counted, not time, and in debug builds only.</summary>
public class GrowthTests
{
    private static readonly int[] Sizes = [10, 100, 1000];

    public GrowthTests()
    {
        int before = Visits.Count;
        Visits.Add();
        Assert.SkipWhen(Visits.Count == before, "Visits are counted in debug builds only.");
    }

    [Fact]
    public async Task EndAtAnEndpointThatHasLeft_LooksAtNoOtherCall()
    {
        List<int> visits = [];
        foreach (int calls in Sizes)
        {
            using FakePool pool = new(2);
            Array.ForEach(pool.Clients, static client => client.Hold());
            Task<string>[] asked = [.. Enumerable.Range(0, 2 * calls).Select(_ => pool.AskAsync())];
            pool.Update("b");
            Assert.Equal(calls, pool.Clients[0].Running);

            visits.Add(Count(() => pool.Clients[0].Held[0].Answer()));

            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
            await Task.WhenAll(asked);
        }

        Assert.All(visits, static count => Assert.Equal(0, count));
    }

    [Fact]
    public async Task StatusAndGauges_LookAtNoCall()
    {
        List<int> visits = [];
        foreach (int calls in (int[])[.. Sizes, 10_000])
        {
            using FakePool pool = new(4);
            PoolGauges gauges = new();
            gauges.Add(pool.Pool);
            Array.ForEach(pool.Clients, static client => client.Hold());
            Task<string>[] asked = [.. Enumerable.Range(0, calls).Select(_ => pool.AskAsync())];

            visits.Add(Count(() =>
            {
                Assert.Equal(calls, pool.Pool.GetStatus().Sum(static status => status.InFlight));
                Assert.Equal(calls, gauges.InFlight().Sum(static at => at.Value));
                Assert.Equal(4, gauges.ByState().Sum(static state => state.Value));
            }));

            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
            await Task.WhenAll(asked);
        }

        Assert.All(visits, static count => Assert.Equal(0, count));
    }

    /// <summary>A call numbers itself by the pickers that have begun one since: not by all that the pool has.</summary>
    [Fact]
    public async Task AsynchronousCall_LooksAtFewPickers_HoweverManyModels()
    {
        List<int> visits = [];
        foreach (int models in Sizes)
        {
            using FakePool pool = Of(models);
            pool.Clients[0].Hold();
            ChatOptions named = new() { ModelId = "model-1" };
            Task<string>[] before = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(options: named))];

            Task<string>[] asked = [];
            visits.Add(Count(() => asked = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(options: named))]));

            Array.ForEach(pool.Clients[0].Held, static held => held.Answer());
            await Task.WhenAll([.. before, .. asked]);
        }

        Assert.All(visits, static count => Assert.InRange(count, 1, 9));
    }

    /// <summary>With limits each pick takes the lock: it looks at the endpoint that it takes, and at nothing else.</summary>
    [Fact]
    public async Task CallAtLimitedEndpoints_LooksAtFewEndpoints_HoweverManyThereAre()
    {
        List<int> visits = [];
        foreach (int endpoints in Sizes)
        {
            using FakePool pool = new(endpoints, endpoint: static (i, entry) => (entry.Name, entry.RequestsPerMinute) = ($"endpoint-{i}", int.MaxValue));
            await pool.AskAsync();
            Array.ForEach(pool.Clients, static client => client.Hold());

            Task<string>? asked = null;
            visits.Add(Count(() => asked = pool.AskAsync()));
            HeldCall held = Assert.Single(pool.Clients.SelectMany(static client => client.Held));
            visits.Add(Count(() => held.Answer()));
            await asked!;
        }

        Assert.All(visits, static count => Assert.InRange(count, 0, 5));
    }

    /// <summary>What becomes of one endpoint concerns its own models, however many endpoints of others are unavailable.</summary>
    [Fact]
    public async Task RefusedCall_LooksAtNoEndpointOfAnotherModel()
    {
        List<int> visits = [];
        foreach (int models in Sizes)
        {
            using FakePool pool = Of(models);
            pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20));
            for (int model = 2; model < models; model++)
            {
                await pool.AskManyAsync(3, options: new() { ModelId = $"model-{model}" });
            }

            pool.Clients[0].Hold();
            ChatOptions named = new() { ModelId = "model-1" };
            Task<string>[] asked = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(options: named))];
            HeldCall held = Assert.Single(pool.Clients[0].Held);

            visits.Add(Count(() => held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)))));

            await Task.WhenAll(asked);
            Assert.Equal(models - 1, pool.Pool.GetStatus().Count(static status => status.State == EndpointState.Unavailable));
        }

        // The place among those that are unavailable is found by halves.
        Assert.All(visits, count => Assert.InRange(count, 1, visits[0] + 20));
    }

    /// <summary>
    /// Burst protection compares all endpoints, several times for a call: it looks at each call in flight once, and so does what the endpoint took before its first rejection. As often again
    /// where what the call leads to is settled, since here no time passes.
    /// </summary>
    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public async Task RefusedCall_LooksAtEachCallInFlightAFewTimes_HoweverManyEndpoints(int endpoints)
    {
        using FakePool pool = new(endpoints);
        Array.ForEach(pool.Clients, static client => client.Hold());
        Task<string>[] asked = [.. Enumerable.Range(0, 50 * endpoints).Select(_ => pool.AskAsync())];

        int visits = Count(() => pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5))));

        // And at the few rotations that its endpoint is in, and their endpoints.
        Assert.InRange(visits, 0, (3 * asked.Length) + 20 + endpoints);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await pool.AdvanceAsync(6);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll(asked);
    }

    /// <summary>Of many calls that are refused at once the first looks at all calls in flight; the others know what it has found, as long as the look took little of the time.</summary>
    [Fact]
    public async Task RefusedCalls_LookAtEachCallInFlightOnce_HoweverManyAreRefused()
    {
        const int Refused = 20;
        List<int> others = [];
        foreach (int calls in (int[])[.. Sizes, 10_000])
        {
            using FakePool pool = new(10);
            pool.Time.VisitTakes = TimeSpan.FromMicroseconds(1);
            Array.ForEach(pool.Clients, static client => client.Hold());
            Task<string>[] asked = [.. Enumerable.Range(0, Math.Max(calls, 10 * Refused)).Select(_ => pool.AskAsync())];
            HeldCall[] held = pool.Clients[0].Held[..Refused];

            int visits = Count(() => Array.ForEach(held, static one => one.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)))));

            others.Add((visits - asked.Length) / Refused);
            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static one => one.Answer()));
            await pool.AdvanceAsync(6);
            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static one => one.Answer()));
            await Task.WhenAll(asked);
        }

        Assert.All(others, static count => Assert.InRange(count, 0, 40));
    }

    /// <summary>The rotations of models that the endpoint does not answer stay as they are.</summary>
    [Fact]
    public async Task RefusedCall_BuildsNoRotationOfAnotherModel()
    {
        List<int> visits = [];
        foreach (int models in Sizes)
        {
            using FakePool pool = Of(models);
            pool.Clients[0].Hold();
            ChatOptions named = new() { ModelId = "model-1" };
            Task<string>[] asked = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(options: named))];
            HeldCall held = Assert.Single(pool.Clients[0].Held);

            visits.Add(Count(() => held.Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)))));

            await Task.WhenAll(asked);
            Assert.Equal(1, pool.Pool.GetStatus().Count(static status => status.State == EndpointState.Unavailable));
        }

        Assert.All(visits, count => Assert.InRange(count, 1, visits[0]));
    }

    /// <summary>The end of a call in a disposed pool looks for others that run: at each that has ended once, however many run.</summary>
    [Fact]
    public async Task EndsInADisposedPool_LookAtEachCallOnce()
    {
        foreach (int calls in Sizes)
        {
            // Of one endpoint, so that nobody looks for stalls.
            using FakePool pool = new(1);
            Array.ForEach(pool.Clients, static client => client.Hold());
            Task<string>[] asked = [.. Enumerable.Range(0, calls).Select(_ => pool.AskAsync())];
            pool.Pool.Dispose();

            int visits = Count(() => Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer())));

            // And each end at the one model's count of calls.
            Assert.InRange(visits, calls, 2 * calls);
            Assert.Equal(1, pool.Released);
            await Task.WhenAll(asked);
        }
    }

    /// <summary>With weights the order of turns is built under the lock: for each turn it looks at each weight, and not at each endpoint.</summary>
    [Fact]
    public void OrderOfWeights_LooksAtEachWeightForEachTurn_HoweverManyEndpoints()
    {
        foreach (int endpoints in Sizes)
        {
            using FakePool pool = new(endpoints, endpoint: static (i, entry) => (entry.Name, entry.Weight) = ($"endpoint-{i}", 1 + (i % 2)));
            Endpoint[] all = [.. pool.Pool.Endpoints];

            int visits = Count(() => Rotation.Of(all));

            Assert.Equal(2 * (3 * endpoints / 2), visits);
        }
    }

    /// <summary>After a change of the rotation the next turn is the next endpoint's: it is not looked for among all turns for each endpoint that is out.</summary>
    [Fact]
    public void NextTurnAfterAChange_LooksAtEachEndpointOnce()
    {
        foreach (int endpoints in Sizes)
        {
            using FakePool pool = new(endpoints, endpoint: static (i, entry) => entry.Name = $"endpoint-{i}");
            Endpoint[] all = [.. pool.Pool.Endpoints];
            Rotation half = Rotation.Of(all[..(endpoints / 2)]);

            int visits = Count(() => half.ContinuedAfter(all[(endpoints / 2) - 1], 0, all));

            Assert.InRange(visits, 1, endpoints);
        }
    }

    [Fact]
    public async Task JoiningTheQueue_LooksAtFewOfThoseWhoWait()
    {
        List<int> visits = [];
        foreach (int waiting in Sizes)
        {
            using FakePool pool = new(1, static options => options.MaxWait = TimeSpan.FromHours(1), static (_, entry) => entry.RequestsPerMinute = 60);
            Task<string>[] asked = [.. Enumerable.Range(0, waiting + 1).Select(_ => pool.AskAsync())];
            Assert.Equal(waiting, pool.Waiting);

            Task<string>? newcomer = null;
            visits.Add(Count(() => newcomer = pool.AskAsync()));

            Assert.Equal(waiting + 1, pool.Waiting);
            pool.Pool.Dispose();
            await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => newcomer!);
            await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => Task.WhenAll(asked));
        }

        Assert.All(visits, static count => Assert.InRange(count, 1, 20));
    }

    /// <summary>A call that was released and failed returns to its place, which is found by halves: the worst order is that of those who left last and return first.</summary>
    [Fact]
    public async Task JoiningAgain_LooksAtFewOfThoseWhoReturnedBefore()
    {
        List<int> visits = [];
        foreach (int returned in (int[])[.. Sizes, 10_000])
        {
            using FakePool pool = new(3);
            Array.ForEach(pool.Clients, static client => client.Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(4)));
            await Assert.ThrowsAnyAsync<EndpointsExhaustedException>(() => pool.AskAsync());
            Balancer balancer = pool.Pool.Balancer;
            PickRequest[] requests = [.. Enumerable.Range(0, returned).Select(_ => new PickRequest(pool.Pool.DefaultPicker) { Patience = TimeSpan.FromHours(1) })];
            Array.ForEach(requests, request => balancer.Leave(balancer.Next(request).Waiter!));
            Array.ForEach(requests[1..].Reverse().ToArray(), request => balancer.Next(request));

            visits.Add(Count(() => balancer.Next(requests[0])));

            Assert.Equal(returned, pool.Waiting);
        }

        Assert.All(visits, static count => Assert.InRange(count, 1, 40));
    }

    [Theory]
    [InlineData(600)]
    [InlineData(6_000)]
    [InlineData(60_000)]
    public async Task NewcomerWhereAConfiguredLimitIsUsedUp_LooksAtFewStarts(int requestsPerMinute)
    {
        using FakePool pool = new(1, endpoint: (_, entry) => entry.RequestsPerMinute = requestsPerMinute);
        while (pool.Waiting == 0)
        {
            _ = pool.AskAsync();
        }

        Task<string>? newcomer = null;
        int visits = Count(() => newcomer = pool.AskAsync());

        Assert.InRange(visits, 0, 60);
        await pool.AdvanceAsync(60);
        await newcomer!;
    }

    /// <summary>Three endpoints, each with a deployment for each of so many models.</summary>
    private static FakePool Of(int models) => new(3, endpoint: (_, entry) =>
    {
        for (int model = 0; model < models; model++)
        {
            entry.Deployments[$"model-{model}"] = $"deployment-{model}";
        }
    });

    private static int Count(Action step)
    {
        int before = Visits.Count;
        step();
        return Visits.Count - before;
    }
}
