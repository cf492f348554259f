namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>
/// Carries facts and permits between the pools of one process in the time of a clock: at once, or late, twice, out of order, with losses and by clocks that are off, drawn from a seed. Keeps
/// what holds for those that come later, as a server would.
/// </summary>
internal sealed class InMemoryBackplane(TimeProvider time, int seed = 0) : IPoolBackplane
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private readonly List<Subscription> _subscriptions = [];
    private readonly Dictionary<EndpointId, (PoolFact Fact, DateTimeOffset Until)> _held = [];
    private readonly List<PoolFact> _published = [];
    private readonly Dictionary<EndpointId, DateTimeOffset> _latest = [];
    private readonly StartRings _rings = new();
    private int _onTheWay;

    /// <summary>A fact takes from zero to this time, drawn for each receiver; so one may overtake another.</summary>
    public TimeSpan MostDelay { get; init; }

    /// <summary>The part of the deliveries that is lost.</summary>
    public double Lost { get; set; }

    /// <summary>The part of the deliveries that comes twice.</summary>
    public double Repeated { get; init; }

    /// <summary>How far the clocks of two processes are apart at most, so that the time that a fact was on its way is not known better.</summary>
    public TimeSpan ClockOff { get; init; }

    /// <summary>A request for permits and its answer take from zero to this time each.</summary>
    public TimeSpan MostTrip { get; init; }

    /// <summary>The part of the requests that are lost.</summary>
    public double LostAsks { get; init; }

    /// <summary>A call waits for an answer for so long.</summary>
    public TimeSpan AskTimeout { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Nobody answers requests for permits.</summary>
    public bool IsAway { get; set; }

    /// <summary>All requests for permits so far.</summary>
    public List<PermitRequest> Asked { get; } = [];

    /// <summary>The requests for permits that have no answer yet.</summary>
    public int OnTheWay => Volatile.Read(ref _onTheWay);

    /// <summary>All permits that were granted so far.</summary>
    public int Granted { get; private set; }

    public PoolFact[] Published
    {
        get
        {
            lock (_lock)
            {
                return [.. _published];
            }
        }
    }

    public int Subscribers
    {
        get
        {
            lock (_lock)
            {
                return _subscriptions.Count;
            }
        }
    }

    /// <summary>The latest time until which anybody has said that the endpoint is unavailable.</summary>
    public DateTimeOffset LatestEnd(params ReadOnlySpan<EndpointId?> ids)
    {
        DateTimeOffset latest = DateTimeOffset.MinValue;
        lock (_lock)
        {
            foreach (EndpointId? id in ids)
            {
                latest = id is { } known && _latest.TryGetValue(known, out DateTimeOffset end) && end > latest ? end : latest;
            }
        }

        return latest;
    }

    public void Publish(in PoolFact fact)
    {
        List<(Subscription To, TimeSpan Delay)> deliveries = [];
        PoolFact told = fact;
        lock (_lock)
        {
            _published.Add(told);
            Hold(told);
            foreach (Subscription subscription in _subscriptions)
            {
                if (Draw() >= Lost)
                {
                    deliveries.Add((subscription, Draw() * MostDelay));
                }

                if (Draw() < Repeated)
                {
                    deliveries.Add((subscription, Draw() * MostDelay));
                }
            }
        }

        DateTimeOffset sentAt = time.GetUtcNow();
        foreach ((Subscription to, TimeSpan delay) in deliveries)
        {
            if (delay == TimeSpan.Zero)
            {
                to.Deliver(told, TimeSpan.Zero);
            }
            else
            {
                After(delay, () => to.Deliver(told, time.GetUtcNow() - sentAt));
            }
        }
    }

    public ValueTask<PermitReply> AskAsync(PermitRequest request, CancellationToken cancellationToken)
    {
        (TimeSpan there, TimeSpan back, bool isLost) = (default, default, false);
        lock (_lock)
        {
            Asked.Add(request);
            if (IsAway)
            {
                return new(PermitReply.Alone);
            }

            if (MostTrip > TimeSpan.Zero || LostAsks > 0)
            {
                (there, back, isLost) = (Draw() * MostTrip, Draw() * MostTrip, Draw() < LostAsks);
            }
        }

        if (there + back == TimeSpan.Zero && !isLost)
        {
            return new(Answer(request));
        }

        TaskCompletionSource<PermitReply> reply = new();
        Interlocked.Increment(ref _onTheWay);
        _ = reply.Task.ContinueWith(_ => Interlocked.Decrement(ref _onTheWay), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (isLost)
        {
            After(AskTimeout, () => reply.TrySetResult(PermitReply.Alone));
        }
        else
        {
            After(there, () =>
            {
                PermitReply answer = Answer(request);
                After(back, () => reply.TrySetResult(new()
                {
                    Permits = [.. answer.Permits.Select(permit => new StartPermit { Limit = permit.Limit, In = permit.In - back, For = permit.For, Tokens = permit.Tokens, Place = permit.Place })],
                    NextIn = [.. answer.NextIn.Select(next => next - back)],
                    Paces = [.. answer.Paces.Select(pace => pace is null ? null : pace with { In = pace.In - back })],
                    Granted = answer.Granted,
                }));
            });
        }

        return new(reply.Task);
    }

    /// <summary>What was granted is lost.</summary>
    public void Wipe()
    {
        lock (_lock)
        {
            _rings.Wipe();
        }
    }

    /// <summary>Hands a message to all as it is, such as that of a writer that keeps to no rule.</summary>
    public void Inject(PoolFact fact)
    {
        Subscription[] all;
        lock (_lock)
        {
            all = [.. _subscriptions];
        }

        Array.ForEach(all, subscription => subscription.Heard(fact));
    }

    public IDisposable Subscribe(Action<PoolFact> heard)
    {
        Subscription subscription;
        (PoolFact Fact, DateTimeOffset Until)[] held;
        lock (_lock)
        {
            subscription = new(this, heard, ((2 * Draw()) - 1) * ClockOff);
            _subscriptions.Add(subscription);
            held = [.. _held.Values];
        }

        foreach ((PoolFact fact, DateTimeOffset until) in held)
        {
            subscription.Deliver(fact, fact.For - (until - time.GetUtcNow()));
        }

        return subscription;
    }

    private void Hold(in PoolFact fact)
    {
        DateTimeOffset until = time.GetUtcNow() + fact.For;
        if (fact.Kind is PoolFactKind.Ejected or PoolFactKind.Probing)
        {
            _latest[fact.Id] = until > _latest.GetValueOrDefault(fact.Id) ? until : _latest[fact.Id];
        }

        if (fact.Kind is PoolFactKind.Ejected or PoolFactKind.Paced)
        {
            if (!_held.TryGetValue(fact.Id, out (PoolFact Fact, DateTimeOffset Until) held) || until > held.Until)
            {
                _held[fact.Id] = (fact, until);
            }
        }
        else if (fact.Kind == PoolFactKind.Recovered && _held.TryGetValue(fact.Id, out (PoolFact Fact, DateTimeOffset Until) held) && held.Fact.Generation <= fact.Generation)
        {
            _held.Remove(fact.Id);
        }
    }

    private PermitReply Answer(PermitRequest request)
    {
        lock (_lock)
        {
            PermitReply reply = _rings.Ask(request, (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
            Granted += reply.Permits.Count;
            return reply;
        }
    }

    private void After(TimeSpan delay, Action action)
    {
        ITimer timer = null!;
        timer = time.CreateTimer(
            _ =>
            {
                timer.Dispose();
                action();
            },
            this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    private double Draw() => _random.NextDouble();

    private sealed class Subscription(InMemoryBackplane backplane, Action<PoolFact> heard, TimeSpan clockOff) : IDisposable
    {
        private volatile bool _isOver;

        public Action<PoolFact> Heard { get; } = heard;

        public void Deliver(PoolFact fact, TimeSpan age)
        {
            TimeSpan left = fact.For - age + clockOff;
            bool isEjection = fact.Kind is PoolFactKind.Ejected or PoolFactKind.Paced;
            if (!_isOver && (!isEjection || left > TimeSpan.Zero))
            {
                Heard(isEjection ? fact with { For = left } : fact);
            }
        }

        public void Dispose()
        {
            _isOver = true;
            lock (backplane._lock)
            {
                backplane._subscriptions.Remove(this);
            }
        }
    }
}
