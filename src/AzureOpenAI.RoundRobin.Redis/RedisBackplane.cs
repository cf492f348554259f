using System.Threading.Channels;
using AzureOpenAI.RoundRobin.Redis.Connection;
using AzureOpenAI.RoundRobin.Redis.Facts;
using AzureOpenAI.RoundRobin.Redis.Permits;

namespace AzureOpenAI.RoundRobin.Redis;

/// <summary>
/// Carries facts and permits over Redis. Facts go through one loop, from the first subscription to the end of the last one, so that no call ever waits for it; permits are asked for beside it.
/// </summary>
/// <remarks>Safe for concurrent use. The lock guards the facts and the subscribers; no code of others runs under it.</remarks>
internal sealed class RedisBackplane : IPoolBackplane, IDisposable, IAsyncDisposable
{
    /// <summary>What makes a message good that was lost, and tells a process that starts.</summary>
    public static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(5);

    /// <summary>More messages in a second are not read, since no fleet sends them; the next read has what they said.</summary>
    private const int MostInSecond = 200;

    /// <summary>More facts of a moment do not wait to be sent.</summary>
    private const int MostPassing = 64;

    private readonly RedisConnection? _connection;
    private readonly FleetKeys _keys;
    private readonly TimeProvider _time;
    private readonly BackplaneReport _report;
    private readonly bool _isSharing;
    private readonly bool _isSharingFaults;
    private readonly PermitExchange? _permits;
    private readonly Lock _lock = new();
    private readonly ServerClock _clock;
    private readonly HeardFacts _heard = new();
    private readonly ToldFacts _told;
    private readonly Queue<PoolFact> _passing = [];
    private readonly List<Subscription> _subscriptions = [];
    private readonly TaskCompletionSource _firstRead = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Wakes the loop. One signal is enough for any number of reasons.</summary>
    private readonly Channel<bool> _signals = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private CancellationTokenSource? _stop;
    private Task _loop = Task.CompletedTask;
    private volatile FleetSession? _session;
    private volatile bool _isReadDue;
    private volatile bool _isAway = true;
    private bool _isDisposed;
    private long _second;
    private int _inSecond;

    /// <param name="connection">Null where none is configured.</param>
    /// <param name="options">Checked.</param>
    /// <param name="time">The clock.</param>
    /// <param name="report">Where the state of the connection is told.</param>
    public RedisBackplane(RedisConnection? connection, RoundRobinRedisOptions options, TimeProvider time, BackplaneReport report)
    {
        (_connection, _keys, _time, _report) = (connection, new FleetKeys(options.FleetName), time, report);
        (_isSharingFaults, _isSharing) = (options.ShareFaults, options.ShareFaults || options.ShareLimits);
        _clock = new ServerClock(time);
        AskTimeout = options.AskTimeout;
        _permits = options.ShareLimits ? new PermitExchange(_keys, time, _clock, report) : null;
        _told = new ToldFacts(time);
    }

    /// <summary>Gets a task that ends with the first read of what the others have found.</summary>
    public Task FirstRead => _firstRead.Task;

    /// <summary>Gets whether there will be one, if Redis answers.</summary>
    public bool MayRead => _isSharing && _connection is not null;

    public TimeSpan AskTimeout { get; }

    public void Publish(in PoolFact fact)
    {
        if (!MayRead || !_isSharingFaults)
        {
            return;
        }

        lock (_lock)
        {
            if (!PassingFact.Is(fact))
            {
                _told.Add(fact);
            }
            else if (!_isAway && _passing.Count < MostPassing)
            {
                _passing.Enqueue(fact);
            }
        }

        // While Redis is away the loop tries at its own pace, however much there is to tell.
        if (!_isAway)
        {
            Wake();
        }
    }

    public ValueTask<PermitReply> AskAsync(PermitRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _permits is { } permits && !_isAway && _session is { } session ? new(permits.AskAsync(session, request, cancellationToken)) : new(PermitReply.Alone);
    }

    public IDisposable Subscribe(Action<PoolFact> heard)
    {
        ArgumentNullException.ThrowIfNull(heard);
        Subscription subscription = new(heard, Leave);
        FactRecord[] held = [];
        long now = 0;
        bool isFirst;
        lock (_lock)
        {
            _subscriptions.Add(subscription);
            isFirst = _subscriptions.Count == 1 && _isSharing && !_isDisposed;
            if (_clock.Now is { } known)
            {
                held = _heard.Holding(now = known);
            }

            if (isFirst && _connection is not null)
            {
                Start(_connection);
            }
        }

        if (isFirst && _connection is null)
        {
            _report.NotConfigured();
        }

        Array.ForEach(held, record => Deliver(record, [subscription], now));
        return subscription;
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
        }

        Stop();
    }

    public async ValueTask DisposeAsync()
    {
        Dispose();
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private void Leave(Subscription subscription)
    {
        bool isLast;
        lock (_lock)
        {
            isLast = _subscriptions.Remove(subscription) && _subscriptions.Count == 0;
        }

        if (isLast)
        {
            Stop();
        }
    }

    private void Start(RedisConnection connection)
    {
        _report.Began();
        _stop = new CancellationTokenSource();
        // The loop and its timer outlive the caller, whose flow they must not keep.
        using (ExecutionContext.SuppressFlow())
        {
            _loop = RunAsync(_loop, connection, _stop);
        }
    }

    /// <summary>Not under the lock, since the end of the loop may run here.</summary>
    private void Stop() => Interlocked.Exchange(ref _stop, null)?.Cancel();

    private async Task RunAsync(Task before, RedisConnection connection, CancellationTokenSource stop)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        using CancellationTokenSource owned = stop;
        CancellationToken stopped = stop.Token;
        FleetSession session = new(connection, _keys, _time, _clock, Hear, ReadSoon);
        await using (session.ConfigureAwait(false))
        {
            _session = session;
            using ITimer timer = _time.CreateTimer(_ => ReadSoon(), null, ReadEvery, ReadEvery);
            _isReadDue = true;
            while (!stopped.IsCancellationRequested)
            {
                try
                {
                    await ExchangeAsync(session, stopped).ConfigureAwait(false);
                    Connected();
                }
#pragma warning disable CA1031 // Whatever goes wrong with Redis, the pools go on alone, and it is tried again.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    // At the end it is the cancellation.
                    if (!stopped.IsCancellationRequested)
                    {
                        _isAway = true;
                        _report.Lost(RedisFailure.Describe(exception));
                    }
                }

                Task signal = _signals.Reader.ReadAsync(stopped).AsTask();
                await signal.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        _session = null;
        _isAway = true;
        _report.Ended();
    }

    private void Connected()
    {
        if (_isAway)
        {
            // What was published until now has woken nobody.
            _permits?.Reset();
            _isAway = false;
            Wake();
        }

        _report.Connected();
        _firstRead.TrySetResult();
    }

    private async Task ExchangeAsync(FleetSession session, CancellationToken stopped)
    {
        await session.OpenAsync(stopped).ConfigureAwait(false);
        if (_isReadDue || _isAway)
        {
            _isReadDue = false;
            Take(await session.ReadAsync(stopped).ConfigureAwait(false));
        }

        PoolFact[] pending, passing;
        lock (_lock)
        {
            (pending, passing) = (_told.Pending(), [.. _passing]);
            _passing.Clear();
        }

        // All go at once: none waits for the answer to the one before it.
        await Task.WhenAll([.. pending.Select(fact => TellAsync(session, fact, stopped)), .. passing.Select(fact => session.PassAsync(fact, stopped))]).ConfigureAwait(false);
    }

    private async Task TellAsync(FleetSession session, PoolFact fact, CancellationToken stopped)
    {
        await session.TellAsync(fact, stopped).ConfigureAwait(false);
        lock (_lock)
        {
            _told.Taken(fact);
        }
    }

    private void Take(Dictionary<EndpointId, FactRecord> held)
    {
        lock (_lock)
        {
            _told.Compare(held);
        }

        foreach (FactRecord record in held.Values)
        {
            HandOn(record);
        }
    }

    private void Hear(string? message)
    {
        PoolFact? passing = _clock.Now is { } now ? PassingFact.Read(message, now) : null;
        FactRecord? record = FactRecord.ReadMessage(message, out long sentAt);
        if (!_isSharingFaults || (passing is null && record is null))
        {
            return;
        }

        Subscription[] all;
        lock (_lock)
        {
            long second = _time.GetTimestamp() / _time.TimestampFrequency;
            _inSecond = second == _second ? _inSecond + 1 : 1;
            _second = second;
            // Facts of a moment leave room for the others.
            if (_inSecond > (passing is null ? MostInSecond : MostInSecond / 2))
            {
                return;
            }

            all = [.. _subscriptions];
        }

        if (passing is { } fact)
        {
            Array.ForEach(all, subscription => subscription.Hear(fact));
        }
        else
        {
            HandOn(record!.Value, sentAt);
        }
    }

    /// <param name="record">Of a read or a message.</param>
    /// <param name="sentAt">The server's time of a message, which counts while no better is known.</param>
    private void HandOn(in FactRecord record, long? sentAt = null)
    {
        Subscription[] all;
        long now;
        lock (_lock)
        {
            if (!_isSharingFaults || (_clock.Now ?? sentAt) is not { } known || !_heard.Take(record, now = known))
            {
                return;
            }

            all = [.. _subscriptions];
        }

        Deliver(record, all, now);
    }

    private static void Deliver(in FactRecord record, Subscription[] to, long now)
    {
        PoolFact fact = record.ToFact(TimeSpan.FromMilliseconds(Math.Max(0, record.Until - now)));
        foreach (Subscription subscription in to)
        {
            subscription.Hear(fact);
        }
    }

    private void ReadSoon()
    {
        _isReadDue = true;
        Wake();
    }

    private void Wake() => _signals.Writer.TryWrite(true);
}
