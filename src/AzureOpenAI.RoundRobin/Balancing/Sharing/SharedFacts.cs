using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>
/// What this pool and others have told each other of each id: it numbers the ejections, tells each recovery once, and says which facts of others are news. A pool's own success
/// beats what it hears of faults for a minute.
/// </summary>
/// <remarks>Not safe for concurrent use, but for <see cref="Publish"/> and <see cref="IsOwn"/>; the balancer's lock guards it.</remarks>
internal sealed class SharedFacts(IPoolBackplane backplane, TimeProvider time, Instruments instruments, PoolLog log)
{
    /// <summary>No fact holds for longer.</summary>
    public static readonly TimeSpan Longest = AttemptOutcome.LongestHint;

    /// <summary>For so long others leave an endpoint to the process that probes it; if that has ended, or its call is a long one, another probes then.</summary>
    public static readonly TimeSpan ProbeRight = TimeSpan.FromSeconds(10);

    private const long LastGeneration = 1L << 53;

    /// <summary>A shorter ejection is nearly over when others have heard of it.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// A pause that an endpoint stated with a rejection is told from here on. Near a limit shorter ones come all the time, and are known from the pace; if all kept each
    /// of them as an ejection, all would come back at its end, and most of them would be rejected. A pause that nobody stated, or for longer than stated, is one process's guess, and is not told.
    /// </summary>
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan RefutedFor = TimeSpan.FromSeconds(60);

    private readonly Guid _source = Guid.NewGuid();
    private readonly Dictionary<EndpointId, Known> _known = [];
    private readonly ConcurrentQueue<PoolFact> _outgoing = new();

    /// <summary>Whether this pool has told it.</summary>
    public bool IsOwn(in PoolFact fact) => fact.Source == _source;

    /// <summary>Whether its values can be.</summary>
    public static bool IsInRange(in PoolFact fact) =>
        fact.Generation is > 0 and <= LastGeneration && Enum.IsDefined(fact.Reason)
        && fact.Kind switch
        {
            PoolFactKind.Recovered => true,
            PoolFactKind.Silent => fact is { Evidence: >= 0, Answered: >= 0 } && fact.For > TimeSpan.Zero,
            PoolFactKind.Ejected or PoolFactKind.Answering or PoolFactKind.Probing or PoolFactKind.Paced => fact.For > TimeSpan.Zero,
            _ => false,
        };

    /// <summary>Tells what is of use for a moment only.</summary>
    public void Tell(in PoolFact fact) => _outgoing.Enqueue(fact with { Generation = 1, Source = _source });

    /// <summary>The pool itself has found that an endpoint takes no calls.</summary>
    public void Ejected(Endpoint endpoint, HealthState target, long now)
    {
        bool isPause = target.Reason == OutcomeKind.RateLimited;
        long until = isPause ? Math.Min(target.UnavailableUntil, target.RetryAfterUntil) : target.UnavailableUntil;
        TimeSpan pause = Timestamps.Min(time.Until(now, until), Longest);
        if (pause < (isPause ? ShortestPause : Shortest) || endpoint.Setup.Ids?.Of(target.Reason) is not { } id)
        {
            return;
        }

        Known known = KnownOf(id, now);
        (known.Ejected, known.For) = (Math.Min(known.Latest + 1, LastGeneration), pause);
        _outgoing.Enqueue(new()
        {
            Id = id,
            Kind = PoolFactKind.Ejected,
            Reason = OutcomeNames.Reason(target.Reason),
            For = pause,
            IsStated = target.RetryAfterUntil >= until,
            Generation = known.Ejected,
            Source = _source,
        });
    }

    /// <summary>A rejection has changed the pace that all processes keep at an endpoint.</summary>
    public void Paced(Endpoint endpoint, long now)
    {
        if (endpoint.Setup.Ids?.Pace is { } id)
        {
            Known known = KnownOf(id, now);
            (known.Ejected, known.For) = (Math.Min(known.Latest + 1, LastGeneration), Longest);
            _outgoing.Enqueue(new() { Id = id, Kind = PoolFactKind.Paced, Reason = EndpointFailureReason.RateLimited, For = Longest, Generation = known.Ejected, Source = _source });
        }
    }

    /// <summary>The pool itself has found that an endpoint takes calls again. Nothing is told where another process did, nor after a rejection, whose pause ends by itself.</summary>
    public void Recovered(Endpoint endpoint, HealthState target, long now)
    {
        if (target.Reason == OutcomeKind.RateLimited || endpoint.Setup.Ids?.Of(target.Reason) is not { } id)
        {
            return;
        }

        Known known = KnownOf(id, now);
        known.RefutedUntil = time.After(now, RefutedFor);
        if (known.Ejected > known.Recovered)
        {
            known.Recovered = known.Ejected;
            _outgoing.Enqueue(new() { Id = id, Kind = PoolFactKind.Recovered, Generation = known.Recovered, Source = _source });
        }
    }

    /// <summary>The pool itself probes an endpoint whose ejection was told. Once for each, while the others leave it alone.</summary>
    public void Probes(Endpoint endpoint, HealthState target, long now)
    {
        if (target.Reason == OutcomeKind.RateLimited || endpoint.Setup.Ids?.Of(target.Reason) is not { } id)
        {
            return;
        }

        Known known = KnownOf(id, now);
        if (known.Ejected > known.Recovered && (known.Probed < known.Ejected || time.Until(known.ProbedAt, now) >= ProbeRight))
        {
            (known.Probed, known.ProbedAt) = (known.Ejected, now);
            _outgoing.Enqueue(new() { Id = id, Kind = PoolFactKind.Probing, For = ProbeRight, Generation = known.Ejected, Source = _source });
        }
    }

    /// <summary>Whether another pool probes what has not recovered since.</summary>
    public bool IsProbed(in PoolFact fact, long now) => fact.Generation > KnownOf(fact.Id, now).Recovered;

    /// <summary>Whether a fact of another pool says more than is known: it is no repetition, none that a later one has overtaken, and none that an own success has refuted.</summary>
    public bool IsNews(in PoolFact fact, long now)
    {
        Known known = KnownOf(fact.Id, now);
        if (fact.Kind == PoolFactKind.Recovered)
        {
            bool ends = fact.Generation >= known.Latest && fact.Generation > known.Recovered;
            known.Recovered = Math.Max(known.Recovered, fact.Generation);
            return ends;
        }

        if (fact.Generation <= known.Recovered || fact.Generation < known.Ejected)
        {
            return false;
        }

        known.For = fact.Generation > known.Ejected ? TimeSpan.Zero : known.For;
        known.Ejected = fact.Generation;
        return fact.For > known.For && (fact.Reason == EndpointFailureReason.RateLimited || now >= known.RefutedUntil);
    }

    /// <summary>An endpoint was ejected for the fact, so that the same fact is no news any more.</summary>
    public void Took(in PoolFact fact, long now) => KnownOf(fact.Id, now).For = fact.For;

    /// <summary>Hands what is to be told to the backplane. Not under a lock, since a backplane is the user's code.</summary>
    public void Publish()
    {
        while (_outgoing.TryDequeue(out PoolFact fact))
        {
            try
            {
                backplane.Publish(fact);
                instruments.SharedFact("published", fact.Kind);
            }
#pragma warning disable CA1031 // A backplane that throws must not change the outcome of a call, whatever it throws.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                log.BackplaneFailed(exception);
            }
        }
    }

    /// <summary>What is known of an id. It is forgotten after twice the time for which a fact can hold: a wrong generation must not silence an id for ever.</summary>
    private Known KnownOf(EndpointId id, long now)
    {
        if (!_known.TryGetValue(id, out Known? known) || time.Until(known.At, now) > 2 * Longest)
        {
            _known[id] = known = new();
        }

        known.At = now;
        return known;
    }

    /// <summary>The generations that were told or heard of one id.</summary>
    private sealed class Known
    {
        public long At { get; set; }

        public long Ejected { get; set; }

        public long Recovered { get; set; }

        /// <summary>The last ejection of which this pool has told that it probes.</summary>
        public long Probed { get; set; }

        public long ProbedAt { get; set; }

        /// <summary>For how long the last ejection was told.</summary>
        public TimeSpan For { get; set; }

        public long RefutedUntil { get; set; } = long.MinValue;

        public long Latest => Math.Max(Ejected, Recovered);
    }
}
