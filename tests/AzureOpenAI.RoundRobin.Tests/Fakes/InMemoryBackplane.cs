namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>
/// Carries facts between the pools of one process in the time of a clock: at once, or late, twice, out of order, with losses and by clocks that are off, drawn from a seed. Keeps
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

    /// <summary>A fact takes from zero to this time, drawn for each receiver; so one may overtake another.</summary>
    public TimeSpan MostDelay { get; init; }

    /// <summary>The part of the deliveries that is lost.</summary>
    public double Lost { get; set; }

    /// <summary>The part of the deliveries that comes twice.</summary>
    public double Repeated { get; init; }

    /// <summary>How far the clocks of two processes are apart at most, so that the time that a fact was on its way is not known better.</summary>
    public TimeSpan ClockOff { get; init; }

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
                ITimer timer = null!;
                timer = time.CreateTimer(
                    _ =>
                    {
                        timer.Dispose();
                        to.Deliver(told, time.GetUtcNow() - sentAt);
                    },
                    null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                timer.Change(delay, Timeout.InfiniteTimeSpan);
            }
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

        if (fact.Kind == PoolFactKind.Ejected)
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

    private double Draw() => _random.NextDouble();

    private sealed class Subscription(InMemoryBackplane backplane, Action<PoolFact> heard, TimeSpan clockOff) : IDisposable
    {
        private volatile bool _isOver;

        public Action<PoolFact> Heard { get; } = heard;

        public void Deliver(PoolFact fact, TimeSpan age)
        {
            TimeSpan left = fact.For - age + clockOff;
            bool isEjection = fact.Kind == PoolFactKind.Ejected;
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
