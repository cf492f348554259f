using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What resources say of their limits, by the SDK's real pipeline; and limits that are configured.</summary>
public sealed class CapacityTests
{
    private static readonly string[] Names =
    [
        "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests",
        "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens",
    ];

    [Theory]
    [InlineData("absent", false)]
    [InlineData("absent", true)]
    [InlineData("garbage", false)]
    [InlineData("garbage", true)]
    [InlineData("0", false)]
    [InlineData("0", true)]
    [InlineData("-1", false)]
    [InlineData("-1", true)]
    [InlineData("999999999999999999999", false)]
    [InlineData("999999999999999999999", true)]
    public async Task Headers_of_whatever_kind_neither_starve_nor_stall_an_endpoint(string value, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        foreach (string name in Names)
        {
            if (value == "absent")
            {
                fleet["east"].Headers.Omit(name);
            }
            else
            {
                fleet["east"].Headers.Add(name, value);
            }
        }

        await fleet.AskAsync(streaming, times: 60);

        // One that always says that nothing is left has its rest twice, and is not believed any more.
        Assert.Equal(60, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0), (status.State, status.Failed)));
        if (value != "0")
        {
            Assert.Equal((30, 30), (fleet.Attempts("east"), fleet.Attempts("west")));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_that_say_zero_with_success_share_the_calls_evenly(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Headers.Add("x-ratelimit-remaining-tokens", "0").Add("x-ratelimit-limit-tokens", "1000");
        }

        await fleet.AskAsync(streaming, times: 60);

        Assert.InRange(fleet.Attempts("east"), 29, 31);
        Assert.Equal(60, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_endpoint_near_its_limit_is_asked_less_while_another_is_not_and_again_afterwards(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Headers.Add("x-ratelimit-remaining-requests", "1").Add("x-ratelimit-limit-requests", "100").Add("x-ratelimit-reset-requests", "60");
        await fleet.AskAsync(streaming, times: 2);
        fleet.Ledger.Clear();

        await fleet.AskAsync(streaming, times: 20);
        Assert.Equal((0, 20), (fleet.Attempts("east"), fleet.Attempts("west")));

        // The other says the same, so there is nobody who would rather be asked.
        fleet["west"].Headers.Add("x-ratelimit-remaining-requests", "1").Add("x-ratelimit-limit-requests", "100").Add("x-ratelimit-reset-requests", "60");
        await fleet.AskAsync(streaming, times: 1);
        fleet["east"].Headers.Clear();
        fleet["west"].Headers.Clear();
        await fleet.AskAsync(streaming, times: 4);
        fleet.Ledger.Clear();
        await fleet.AskAsync(streaming, times: 20);
        Assert.Equal((10, 10), (fleet.Attempts("east"), fleet.Attempts("west")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rest_that_was_short_is_over_by_itself(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Headers.Add("x-ratelimit-remaining-tokens", "1").Add("x-ratelimit-limit-tokens", "1000").Add("x-ratelimit-reset-tokens", "300ms");
        await fleet.AskAsync(streaming, times: 2);
        fleet["east"].Headers.Clear();
        fleet.Ledger.Clear();
        await Task.Delay(350, TestContext.Current.CancellationToken);

        await fleet.AskAsync(streaming, times: 20);

        Assert.Equal((10, 10), (fleet.Attempts("east"), fleet.Attempts("west")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_spill_over_that_failed_too_moves_to_another_resource(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Status(500).WithHeader("x-ms-spillover-error", "429").Times(1));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal("west", answer.Endpoint);
        Assert.Equal(EndpointState.Unavailable, fleet.StatusOf("east").State);
        Assert.Equal((1, 1), (fleet.Attempts("east"), fleet.Attempts("west")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Configured_limits_that_are_the_resources_own_are_never_rejected(bool streaming)
    {
        const int Calls = 150;
        FakeTimeProvider time = new();
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.Time = time;
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment, deployment =>
            {
                deployment.RequestsPerMinute = 600;
                deployment.RequestWindow = 1.Seconds();
                deployment.TokensPerMinute = 6000;
            });
            setup.Endpoint = (_, endpoint) => (endpoint.RequestsPerMinute, endpoint.TokensPerMinute) = (600, 6000);
            setup.Pool = options => options.MaxWait = 180.Seconds();
        });

        // Each costs 102 tokens, so a minute has room for 58 of them at each, and a second for 10.
        Task<Answer>[] calls = [.. Enumerable.Range(0, Calls).Select(_ => fleet.AskAsync(streaming, options: new() { MaxOutputTokens = 100 }))];
        for (int second = 0; second <= 62; second++)
        {
            while (calls.Count(call => call.IsCompleted) + fleet.Waiting < Calls)
            {
                await Task.Delay(1, TestContext.Current.CancellationToken);
            }

            Assert.InRange(fleet.Attempts(), 0, second < 60 ? 116 : Calls);
            time.Advance(1.Seconds());
        }

        await Task.WhenAll(calls);
        Assert.Equal(Calls, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.Failed));
    }
}
