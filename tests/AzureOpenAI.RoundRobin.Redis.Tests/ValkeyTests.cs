using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on <c>valkey-server</c>, where it is installed.</summary>
public sealed class ValkeyTests(ValkeyTests.Server server) : RedisContract(server.Process), IClassFixture<ValkeyTests.Server>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await server.StartAsync();

    public ValueTask DisposeAsync() => default;

    public sealed class Server() : SharedProcess(RedisProcess.Valkey);
}
