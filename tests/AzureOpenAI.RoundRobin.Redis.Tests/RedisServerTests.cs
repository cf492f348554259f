using AzureOpenAI.RoundRobin.Redis.Tests.Servers;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>The contract on <c>redis-server</c>, where it is installed.</summary>
public sealed class RedisServerTests(RedisServerTests.Server server) : RedisContract(server.Redis), IClassFixture<RedisServerTests.Server>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await server.StartAsync();

    public ValueTask DisposeAsync() => default;

    /// <summary>One server for all tests. Started by the first test, which is skipped where there is none.</summary>
    public sealed class Server : IAsyncDisposable
    {
        private bool _isStarted;

        public RedisProcess Redis { get; } = new();

        public async Task StartAsync()
        {
            RedisProcess.SkipWhereMissing();
            if (!_isStarted)
            {
                await Redis.StartAsync();
                _isStarted = true;
            }
        }

        public ValueTask DisposeAsync() => Redis.DisposeAsync();
    }
}
