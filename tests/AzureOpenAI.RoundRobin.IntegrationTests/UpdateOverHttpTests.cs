using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Another configuration while real requests run.</summary>
public class UpdateOverHttpTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnOpenStream_EndsWhereItIs_AndNewCallsGoElsewhere()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        string text = "";
        bool isFirst = true;
        await foreach (ChatResponseUpdate update in fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation))
        {
            text += update.Text;
            if (isFirst)
            {
                isFirst = false;
                fleet.Pool.Update(Options(fleet, fleet["west"]));
                await fleet.AskAsync(streaming: false, times: 3);
                await fleet.AskAsync(streaming: true, times: 3);
            }
        }

        Assert.NotEmpty(text);
        Assert.Equal((1, 6), (fleet.Attempts("east"), fleet.Attempts("west")));
        Assert.Equal(["EndpointsChanged", "EndpointLeft"], fleet.Logs.GetSnapshot().Select(record => record.Id.Name));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWrongKey_IsMendedWhileCallsGoOn(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = (resource, endpoint) =>
            endpoint.ApiKey = resource.Name == "east" ? "a-key-that-is-wrong-0123456789" : resource.ApiKey);
        await fleet.AskAsync(streaming, times: 4);
        Assert.Equal((EndpointState.Unavailable, 1L), (fleet.StatusOf("east").State, fleet.StatusOf("east").Failed));

        RoundRobinOptions options = Options(fleet, fleet["east"], fleet["west"]);
        options.Endpoints[0].ApiKey = fleet["east"].ApiKey;
        fleet.Pool.Update(options);
        await fleet.AskAsync(streaming, times: 4);

        Assert.Equal((EndpointState.Healthy, 1L, 2L), (fleet.StatusOf("east").State, fleet.StatusOf("east").Failed, fleet.StatusOf("east").Answered));
    }

    [Fact]
    public async Task APoolOfReadyMadeClients_TakesOnesThatItBuilds()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        using EndpointPool pool = new(new RoundRobinOptions { Endpoints = { new() { ChatClient = fleet.Client } } });
        using RoundRobinChatClient client = new(pool, leaveOpen: true);

        pool.Update(Options(fleet, fleet["east"]));
        await client.GetResponseAsync("hello", cancellationToken: Cancellation);

        Assert.Equal((0L, 1L), (fleet.StatusOf("east").Answered, pool.GetStatus()[0].Answered));
    }

    private static RoundRobinOptions Options(Fleet fleet, params SimulatedResource[] resources)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        foreach (SimulatedResource resource in resources)
        {
            options.Endpoints.Add(fleet.EndpointFor(resource));
        }

        return options;
    }
}
