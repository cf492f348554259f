using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on <c>redis-server</c>, where it is installed.</summary>
public sealed class RedisServerTests(RedisServerTests.Server server) : ProcessContract(server), IClassFixture<RedisServerTests.Server>
{
    public sealed class Server() : SharedProcess(RedisProcess.Redis);
}
