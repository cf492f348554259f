using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The environment is the process's, so these run alone and put it back.</summary>
[Collection(nameof(EnvironmentTests))]
[CollectionDefinition(nameof(EnvironmentTests), DisableParallelization = true)]
public sealed class EnvironmentTests : IDisposable
{
    private readonly Dictionary<string, string?> _before = new[]
    {
        Connections.Connection, Connections.Switch, Connections.Endpoint, Connections.ApiKey, Connections.Deployment, "AZURE_OPENAI_API_VERSION",
    }.ToDictionary(name => name, Environment.GetEnvironmentVariable);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    [InlineData(null)]
    public async Task FromEnvironment_is_always_a_pool(string? value)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        Set(Connections.Variables(fleet, value));
        using RoundRobinChatClient client = RoundRobinChatClient.FromEnvironment();

        Answer[] answers = [await client.AskAsync(false, "hello", null, Cancellation), await client.AskAsync(true, "hello", null, Cancellation)];

        Assert.Equal(["east", "west"], answers.Select(answer => answer.Endpoint).Order());
        Assert.Equal(2, client.Pool.Count);
    }

    [Fact]
    public async Task A_pool_alone_reads_it_too()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        Set(Connections.Variables(fleet, null));
        using EndpointPool pool = EndpointPool.FromEnvironment(static options => options.DeploymentName = "of-the-code");

        Assert.Equal("of-the-code", pool.NextClient().DeploymentName);
        Assert.Equal(["east", "west"], pool.GetStatus().Select(status => status.Name));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("off", false)]
    [InlineData(null, false)]
    public async Task CreateFromEnvironment_reads_the_switch(string? value, bool isPool)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        Set(Connections.Variables(fleet, value));
        using IChatClient client = AzureOpenAIRoundRobin.CreateFromEnvironment();

        for (int i = 0; i < 4; i++)
        {
            await client.AskAsync(streaming: i % 2 == 0, "hello", null, Cancellation);
        }

        Assert.Equal(isPool ? [2, 2] : [4, 0], new[] { "east", "west" }.Select(fleet.Attempts));
        Assert.Equal(isPool, client.GetService<RoundRobinChatClient>() is not null);
    }

    [Fact]
    public async Task The_plain_client_keeps_the_SDKs_own_retries()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        fleet["east"].Faults.Add(Fault.Status(429).WithHeader("retry-after-ms", "1").Times(2));
        Set(Connections.Variables(fleet, "false"));
        using IChatClient client = AzureOpenAIRoundRobin.CreateFromEnvironment();

        Assert.Equal("[east] hello", (await client.AskAsync(false, "hello", null, Cancellation)).Text);
        Assert.Equal(3, fleet.Attempts());
    }

    public void Dispose() => Set(_before);

    private static void Set(Dictionary<string, string?> variables)
    {
        foreach ((string name, string? value) in variables)
        {
            Environment.SetEnvironmentVariable(name, value);
        }
    }
}
