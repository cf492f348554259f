using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on a server that is a process, where it is installed.</summary>
public abstract class ProcessContract(SharedProcess server) : RedisContract(server.Process), IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await server.StartAsync();

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return default;
    }
}
