using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Connection;

/// <summary>A connection that is opened when it is needed, and disposed only if it was opened here.</summary>
internal sealed class RedisConnection : IAsyncDisposable
{
    /// <summary>By default it takes 2.5 s, and up to 10 s where the server is away for longer: for so long each process decides alone.</summary>
    private const int ReconnectMilliseconds = 1000;

    private readonly Func<Task<IConnectionMultiplexer>> _open;
    private readonly bool _isOwn;
    private IConnectionMultiplexer? _multiplexer;

    private RedisConnection(Func<Task<IConnectionMultiplexer>> open, bool isOwn) => (_open, _isOwn) = (open, isOwn);

    /// <summary>One that belongs to the app.</summary>
    public static RedisConnection Of(Func<IConnectionMultiplexer> multiplexer) => new(() => Task.FromResult(multiplexer()), isOwn: false);

    /// <summary>One of its own: RESP3 needs no second connection for messages; it is made while the server is away, keeps no request for later, and is made again a second after it was lost.</summary>
    public static RedisConnection Open(ConfigurationOptions options)
    {
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ReconnectRetryPolicy = new LinearRetry(ReconnectMilliseconds);
        options.Protocol ??= RedisProtocol.Resp3;
        options.ClientName ??= "AzureOpenAI.RoundRobin";
        return new(async () => await ConnectionMultiplexer.ConnectAsync(options).ConfigureAwait(false), isOwn: true);
    }

    public async ValueTask<IConnectionMultiplexer> GetAsync() => _multiplexer ??= await _open().ConfigureAwait(false);

    public ValueTask DisposeAsync()
    {
        IConnectionMultiplexer? multiplexer = _multiplexer;
        _multiplexer = null;
        return _isOwn && multiplexer is not null ? multiplexer.DisposeAsync() : default;
    }
}
