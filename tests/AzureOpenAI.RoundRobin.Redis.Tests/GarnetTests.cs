using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on Garnet, in this process.</summary>
public sealed class GarnetTests(GarnetTests.Server server) : RedisContract(server.Garnet), IClassFixture<GarnetTests.Server>
{
    /// <summary>One server for all tests.</summary>
    public sealed class Server : IAsyncLifetime
    {
        public EmbeddedGarnet Garnet { get; } = new();

        public async ValueTask InitializeAsync() => await Garnet.StartAsync();

        public ValueTask DisposeAsync() => Garnet.DisposeAsync();
    }
}
