using System.Globalization;
using System.Net.Sockets;
using AzureOpenAI.RoundRobin.Redis.Facts;
using AzureOpenAI.RoundRobin.Redis.Permits;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Connection;

/// <summary>The requests of one fleet over one connection: listen, read, tell. Each ends in bounded time, by an exception where Redis is away.</summary>
internal sealed class FleetSession(RedisConnection connection, FleetKeys keys, TimeProvider time, ServerClock clock, Action<string?> heard, Action changed) : IAsyncDisposable
{
    /// <summary>A multiplexer of the app may wait for longer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private IConnectionMultiplexer? _multiplexer;
    private bool _isListening;

    /// <summary>Connects, and listens to the channel. The multiplexer subscribes again by itself after each loss.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        if (_multiplexer is null)
        {
            _multiplexer = await connection.GetAsync().ConfigureAwait(false);
            _multiplexer.ConnectionFailed += OnChanged;
            _multiplexer.ConnectionRestored += OnChanged;
        }

        if (!_multiplexer.IsConnected)
        {
            // It connects by itself, and a request would only wait for that; but one that is disposed refuses any.
            _multiplexer.GetDatabase().Ping(CommandFlags.FireAndForget);
            throw new SocketException((int)SocketError.NotConnected);
        }

        if (!_isListening)
        {
            ISubscriber subscriber = _multiplexer.GetSubscriber();
            try
            {
                await subscriber.SubscribeAsync(Channel, OnMessage).WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);
                _isListening = true;
            }
            finally
            {
                if (!_isListening)
                {
                    // It is kept by the multiplexer although it has failed.
                    StopListening(subscriber);
                }
            }
        }
    }

    /// <summary>Reads all that holds.</summary>
    public async Task<Dictionary<EndpointId, FactRecord>> ReadAsync(CancellationToken cancellationToken)
    {
        long sentAt = time.GetTimestamp();
        string[] reply = await EvaluateAsync(FactScripts.Read, [keys.Index], [], cancellationToken).ConfigureAwait(false);
        Dictionary<EndpointId, FactRecord> records = [];
        clock.Learn(sentAt, TimeOf(reply));
        for (int i = 1; i + FactRecord.Fields <= reply.Length; i += FactRecord.Fields)
        {
            if (FactRecord.Read(reply.AsSpan(i, FactRecord.Fields)) is { } record)
            {
                records[record.Id] = record;
            }
        }

        return records;
    }

    public async Task TellAsync(PoolFact fact, CancellationToken cancellationToken)
    {
        long sentAt = time.GetTimestamp();
        RedisValue[] values =
        [
            keys.Channel, fact.Id.ToString(), FactRecord.NameOf(fact.Kind), fact.Generation, (long)Math.Max(0, fact.For.TotalMilliseconds),
            fact.Kind == PoolFactKind.Recovered ? "-" : fact.Reason.ToString(), fact.IsStated ? 1 : 0, fact.Source.ToString("N"),
        ];
        string[] reply = await EvaluateAsync(FactScripts.Tell, [keys.Index, keys.RecordOf(fact.Id)], values, cancellationToken).ConfigureAwait(false);
        clock.Learn(sentAt, TimeOf(reply));
    }

    /// <summary>Sends what the server need not keep.</summary>
    public async Task PassAsync(PoolFact fact, CancellationToken cancellationToken) =>
        await _multiplexer!.GetSubscriber().PublishAsync(Channel, PassingFact.Write(fact, clock.Now ?? 0)).WaitAsync(Patience, time, cancellationToken).ConfigureAwait(false);

    /// <summary>Asks for permits. It may run beside the other requests.</summary>
    public async Task<string[]> AskAsync(RedisKey[] scriptKeys, RedisValue[] values, TimeSpan within, CancellationToken cancellationToken)
    {
        if (_multiplexer is not { IsConnected: true })
        {
            throw new SocketException((int)SocketError.NotConnected);
        }

        long sentAt = time.GetTimestamp();
        string[] reply = await EvaluateAsync(PermitScript.Text, scriptKeys, values, cancellationToken, within).ConfigureAwait(false);
        clock.Learn(sentAt, TimeOf(reply) / 1000.0);
        return reply;
    }

    public ValueTask DisposeAsync()
    {
        if (_multiplexer is { } multiplexer)
        {
            multiplexer.ConnectionFailed -= OnChanged;
            multiplexer.ConnectionRestored -= OnChanged;
            if (_isListening)
            {
                StopListening(multiplexer.GetSubscriber());
            }
        }

        return connection.DisposeAsync();
    }

    private RedisChannel Channel => RedisChannel.Literal(keys.Channel);

    private async Task<string[]> EvaluateAsync(string script, RedisKey[] scriptKeys, RedisValue[] values, CancellationToken cancellationToken, TimeSpan? within = null)
    {
        RedisResult result = await _multiplexer!.GetDatabase().ScriptEvaluateAsync(script, scriptKeys, values).WaitAsync(within ?? Patience, time, cancellationToken).ConfigureAwait(false);
        string?[]? reply = (string?[]?)result;
        return reply is null ? [] : Array.ConvertAll(reply, static text => text ?? "");
    }

    /// <exception cref="InvalidDataException">Something else answers, and not our script.</exception>
    private static long TimeOf(string[] reply) => reply.Length > 0 && long.TryParse(reply[0], NumberStyles.None, CultureInfo.InvariantCulture, out long now)
        ? now
        : throw new InvalidDataException();

    private void OnMessage(RedisChannel channel, RedisValue message) => heard(message.Length() <= FactRecord.LongestMessage ? (string?)message : null);

    private void OnChanged(object? sender, ConnectionFailedEventArgs args) => changed();

    private void StopListening(ISubscriber subscriber)
    {
        try
        {
            subscriber.Unsubscribe(Channel, OnMessage, CommandFlags.FireAndForget);
        }
#pragma warning disable CA1031 // A multiplexer that is disposed or away has nothing to end.
        catch
#pragma warning restore CA1031
        {
        }
    }
}
