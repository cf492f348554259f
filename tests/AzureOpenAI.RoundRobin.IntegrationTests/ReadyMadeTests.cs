using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Clients that the app made itself, with the SDK's own retries on, beside those that the pool built.</summary>
public sealed class ReadyMadeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_ready_made_client_takes_its_turn(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = MakeEastReady);

        Answer[] answers = [await fleet.AskAsync(streaming), await fleet.AskAsync(streaming), await fleet.AskAsync(streaming)];

        Assert.Equal(["[east] hello", "[west] hello", "[east] hello"], answers.Select(answer => answer.Text));
        Assert.Equal([null, "west", null], answers.Select(answer => answer.Endpoint));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Its_aggregate_of_refused_connections_is_one_unreachable_endpoint(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = MakeEastReady);
        await fleet["east"].StopListeningAsync();

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal("[west] hello", answer.Text);
        EndpointStatus east = fleet.StatusOf("east");
        Assert.Equal((EndpointState.Unavailable, EndpointFailureReason.Unreachable, 1), (east.State, east.Reason, east.Failed));
        Assert.IsType<AggregateException>(east.LastError!.Exception);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Its_retries_are_its_own_and_what_is_left_fails_over(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = MakeEastReady);
        fleet["east"].Faults.Add(Fault.Status(503));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal("[west] hello", answer.Text);
        Assert.Equal(["east", "east", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
        Assert.Equal(503, fleet.StatusOf("east").LastError!.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_filtered_prompt_surfaces_from_it_as_itself(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Endpoint = MakeEastReady);

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming, "[content-filter]"));

        Assert.Equal(400, exception.Status);
        Assert.Equal(1, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_short_form_rotates_over_clients_and_fails_over(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        using RoundRobinChatClient client = new([ReadyMade(fleet["east"], retries: 0), ReadyMade(fleet["west"], retries: 0)]);
        for (int i = 0; i < 6; i++)
        {
            await client.AskAsync(streaming, "hello", null, TestContext.Current.CancellationToken);
        }

        Assert.Equal([3, 3], [fleet.Attempts("east"), fleet.Attempts("west")]);

        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));
        for (int i = 0; i < 6; i++)
        {
            Assert.Equal("[west] hello", (await client.AskAsync(streaming, "hello", null, TestContext.Current.CancellationToken)).Text);
        }

        Assert.Equal(4, fleet.Attempts("east"));
    }

    private static void MakeEastReady(SimulatedResource resource, EndpointOptions endpoint)
    {
        if (resource.Name == "east")
        {
            (endpoint.Endpoint, endpoint.ApiKey) = (null, null);
            endpoint.ChatClient = ReadyMade(resource, retries: 1);
        }
    }

    private static IChatClient ReadyMade(SimulatedResource resource, int retries) =>
        new AzureOpenAIClient(resource.Endpoint, new ApiKeyCredential(resource.ApiKey), new AzureOpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(retries) })
            .GetChatClient(Fleet.Deployment)
            .AsIChatClient();
}
