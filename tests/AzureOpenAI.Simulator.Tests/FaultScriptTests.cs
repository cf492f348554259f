using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class FaultScriptTests
{
    [Fact]
    public async Task Times_NextRequests_ThenNoMore()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var scripted = azure["east"].Faults.Add(Fault.Status(500).Times(2));

        int[] statuses = await StatusesAsync(client, 3);

        Assert.Equal([500, 500, 200], statuses);
        Assert.Equal((2, 0), (scripted.Applied, azure["east"].Faults.Count));
    }

    [Fact]
    public async Task Add_SeveralFaults_FirstThatFitsIsApplied()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        azure["east"].Faults.Add(Fault.Status(500).Times(1));
        azure["east"].Faults.Add(Fault.Status(501).Times(1));
        azure["east"].Faults.Add(Fault.Status(502));

        int[] statuses = await StatusesAsync(client, 4);

        Assert.Equal([500, 501, 502, 502], statuses);
    }

    [Fact]
    public async Task Remove_FaultInForce_EndsIt()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        var scripted = azure["east"].Faults.Add(Fault.Status(500));
        int before = (await client.ChatAsync()).Status;
        scripted.Remove();
        scripted.Remove();
        int after = (await client.ChatAsync()).Status;
        azure["east"].Faults.Add(Fault.Status(500));
        azure["east"].Faults.Clear();
        int cleared = (await client.ChatAsync()).Status;

        Assert.Equal([500, 200, 200], [before, after, cleared]);
    }

    [Fact]
    public async Task During_Window_CountsFromAdding()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(time: time);
        using var client = new WireClient(azure["east"]);
        time.Advance(TimeSpan.FromSeconds(100));

        azure["east"].Faults.Add(Fault.Status(500).During(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5)));
        int before = (await client.ChatAsync()).Status;
        time.Advance(TimeSpan.FromSeconds(10));
        int within = (await client.ChatAsync()).Status;
        time.Advance(TimeSpan.FromSeconds(5));
        int after = (await client.ChatAsync()).Status;

        Assert.Equal([200, 500, 200], [before, within, after]);
    }

    [Fact]
    public async Task WithProbability_SameSeed_FailsTheSameRequests()
    {
        int[] one = await ProbableAsync();
        int[] two = await ProbableAsync();

        Assert.Equal(one, two);
        Assert.InRange(one.Count(status => status == 500), 25, 75);
    }

    [Fact]
    public async Task ForDeployment_OtherDeployment_IsNotConcerned()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource
            .AddDeployment("a").AddDeployment("b").AddFault(Fault.Status(500).ForDeployment("B")));
        using var client = new WireClient(azure["east"]);

        int a = (await client.ChatAsync(deployment: "a")).Status;
        int b = (await client.ChatAsync(deployment: "b")).Status;

        Assert.Equal((200, 500), (a, b));
    }

    [Fact]
    public async Task Conditions_OnForm_ConcernOnlyIt()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource
            .AddFault(Fault.Status(500).ForStreams())
            .AddFault(Fault.Status(501).ForCalls().ForOperation(ApiOperation.Chat))
            .AddFault(Fault.Status(502).ForOperation(ApiOperation.Embeddings)));
        using var client = new WireClient(azure["east"]);

        int stream = (await client.ChatAsync(stream: true)).Status;
        int call = (await client.ChatAsync()).Status;
        int embedding = (await client.EmbedAsync("""{"input":"a"}""")).Status;

        Assert.Equal((500, 501, 502), (stream, call, embedding));
    }

    private static async Task<int[]> ProbableAsync()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.Status(500).WithProbability(0.5)));
        using var client = new WireClient(azure["east"]);
        return await StatusesAsync(client, 100);
    }

    private static async Task<int[]> StatusesAsync(WireClient client, int count)
    {
        int[] statuses = new int[count];
        for (int i = 0; i < count; i++)
        {
            statuses[i] = (await client.ChatAsync()).Status;
        }

        return statuses;
    }
}
