using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on <c>valkey-server</c>, where it is installed.</summary>
public sealed class ValkeyTests(ValkeyTests.Server server) : ProcessContract(server), IClassFixture<ValkeyTests.Server>
{
    public sealed class Server() : SharedProcess(RedisProcess.Valkey);
}
