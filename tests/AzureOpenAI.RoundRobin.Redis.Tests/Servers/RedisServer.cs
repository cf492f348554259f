using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>A server that tests start, stop and spoil.</summary>
public abstract class RedisServer : IAsyncDisposable
{
    protected RedisServer() => Port = Ports.Free();

    public int Port { get; }

    public string Address => $"127.0.0.1:{Port}";

    public abstract Task StartAsync();

    /// <summary>Ends it at once, with all that it holds.</summary>
    public abstract Task KillAsync();

    /// <summary>Connects as the readme advises.</summary>
    public Task<ConnectionMultiplexer> ConnectAsync(string more = "") =>
        ConnectionMultiplexer.ConnectAsync($"{Address},protocol=resp3,abortConnect=false,allowAdmin=true,connectTimeout=2000{more}");

    public async Task<RedisResult> ExecuteAsync(string command, params object[] arguments)
    {
        await using ConnectionMultiplexer multiplexer = await ConnectAsync();
        return await multiplexer.GetDatabase().ExecuteAsync(command, arguments);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        GC.SuppressFinalize(this);
    }
}
