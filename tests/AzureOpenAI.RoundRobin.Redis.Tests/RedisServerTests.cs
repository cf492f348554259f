using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on <c>redis-server</c>, where it is installed.</summary>
public sealed class RedisServerTests(RedisServerTests.Server server) : RedisContract(server.Process), IClassFixture<RedisServerTests.Server>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await server.StartAsync();

    public ValueTask DisposeAsync() => default;

    public sealed class Server() : SharedProcess(RedisProcess.Redis);
}
