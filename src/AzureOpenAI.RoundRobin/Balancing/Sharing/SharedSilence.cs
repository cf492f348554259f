using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>
/// Adds up what processes measure of an endpoint that holds calls without an answer: each of many has too few of them to know, and together they know what one process with all the calls would.
/// </summary>
/// <remarks>
/// An endpoint is never ejected by it for what others say alone: this pool must hold a call there too. An answer in any process to a younger call ends all doubts. Not safe for concurrent use; the
/// balancer's lock guards it.
/// </remarks>
internal sealed class SharedSilence(SilentCalls calls, SharedFacts facts, TimeProvider time)
{
    /// <summary>So many younger calls must have been answered elsewhere. Else all endpoints may have become slow, or the network.</summary>
    private const int LeastAnswers = 5;

    /// <summary>Or so many processes hold a call there, and <see cref="HardlyAny"/> of the doubts are elsewhere: a fleet of a call a second in each process has no younger calls.</summary>
    private const int ManyProcesses = 12;

    private const double HardlyAny = 1 / 16.0;

    /// <summary>The doubts of the other endpoints must be at most this part of those of the one: what is slow everywhere is no endpoint's fault.</summary>
    private const double MostElsewhere = 0.25;

    /// <summary>What one other process may contribute at most; and once there is as much in all, a process that knows better says so.</summary>
    private const double Half = StallTest.PastBelief / 2;

    /// <summary>More than the processes of a fleet that hold a call there at once; a hostile writer can invent them.</summary>
    private const int MostProcesses = 256;

    /// <summary>A pool looks at an endpoint, and tells of it, once in this time: each look is over all calls in flight.</summary>
    private static readonly TimeSpan Spacing = TimeSpan.FromMilliseconds(100);

    /// <summary>A doubt is told again while its calls wait, the later the older they are: see <see cref="AgeWatch.NextLook"/>. What is not is over.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly Dictionary<Endpoint, Doubts> _doubts = [];

    /// <summary>A call waits at the endpoint for longer than answers take.</summary>
    /// <returns>The verdict, where with what others say it is enough.</returns>
    public Stall? Look(Endpoint endpoint, PoolMembers members, long now)
    {
        Doubts doubts = DoubtsOf(endpoint);
        if (doubts.LookedAt != long.MinValue && time.Until(doubts.LookedAt, now) < Spacing)
        {
            return null;
        }

        doubts.LookedAt = now;
        if (Measure(endpoint, doubts, members, now) is not { Evidence: > 0 } own)
        {
            return null;
        }

        facts.Tell(new()
        {
            Id = endpoint.Setup.Ids!.Deployment,
            Kind = PoolFactKind.Silent,
            For = time.Until(own.Since, now),
            Evidence = own.Evidence,
            Answered = own.Answered,
            Generation = 1,
            Source = default,
        });
        return Verdict(endpoint, doubts, own, members, now);
    }

    /// <summary>Another process says that the endpoint is silent, or that it answers.</summary>
    /// <returns>The verdict, where it is enough.</returns>
    public Stall? Hear(in PoolFact fact, Endpoint endpoint, PoolMembers members, long now)
    {
        Doubts doubts = DoubtsOf(endpoint);
        long since = time.After(now, -Timestamps.Min(fact.For, SharedFacts.Longest));
        if (fact.Kind == PoolFactKind.Answering)
        {
            doubts.AnsweredSince = Math.Max(doubts.AnsweredSince, since);
            return null;
        }

        doubts.Forget(now);
        if (doubts.Others.Count < MostProcesses || doubts.Others.ContainsKey(fact.Source))
        {
            doubts.Others[fact.Source] = new(Math.Min(fact.Evidence, Half), fact.Answered, since, UntilOf(since, now));
        }

        if (endpoint.ResponseTimes.ProgressBegan is var began && began >= since)
        {
            Deny(endpoint, doubts, began, now);
            return null;
        }

        return doubts.Own.Until > now && IsPastBelief(endpoint, doubts, members, now) && Measure(endpoint, doubts, members, now) is { } own
            ? Verdict(endpoint, doubts, own, members, now)
            : null;
    }

    /// <summary>What the calls of this pool say now, which is kept; null where that is nothing.</summary>
    private Silence? Measure(Endpoint endpoint, Doubts doubts, PoolMembers members, long now)
    {
        if (endpoint.Setup.Ids is null || !endpoint.Health.Deployment.IsAvailable || endpoint.IsRetired)
        {
            return null;
        }

        doubts.AnsweredSince = Math.Max(doubts.AnsweredSince, endpoint.ResponseTimes.ProgressBegan);
        Silence? own = calls.Look(endpoint, members, doubts.AnsweredSince, now);
        if (own is { } found)
        {
            doubts.Own = new(found.Evidence, found.Answered, found.Since, UntilOf(found.Since, now));
        }

        return own;
    }

    private Stall? Verdict(Endpoint endpoint, Doubts doubts, in Silence own, PoolMembers members, long now) =>
        IsPastBelief(endpoint, doubts, members, now) ? new Stall(endpoint, time.Until(own.Since, now), own.MiddleCall) : null;

    /// <summary>The endpoint has answered a younger call of this pool. The others are told only where their doubts weigh: long calls are not rare.</summary>
    private void Deny(Endpoint endpoint, Doubts doubts, long began, long now)
    {
        if (doubts.Sum(now).Evidence >= Half)
        {
            facts.Tell(new() { Id = endpoint.Setup.Ids!.Deployment, Kind = PoolFactKind.Answering, For = Timestamps.Max(time.Until(began, now), TimeSpan.FromMilliseconds(1)), Generation = 1, Source = default });
        }

        doubts.AnsweredSince = Math.Max(doubts.AnsweredSince, began);
    }

    private bool IsPastBelief(Endpoint endpoint, Doubts doubts, PoolMembers members, long now)
    {
        (double evidence, long answered, int processes) = doubts.Sum(now);
        if (evidence < StallTest.PastBelief || (answered < LeastAnswers && processes < ManyProcesses) || !members.CanSpare([endpoint]))
        {
            return false;
        }

        double elsewhere = members.PickersOf(endpoint).SelectMany(static picker => picker.Endpoints).Distinct()
            .Sum(other => other != endpoint && _doubts.TryGetValue(other, out Doubts? its) ? its.Sum(now).Evidence : 0);
        return elsewhere <= (answered >= LeastAnswers ? MostElsewhere : HardlyAny) * evidence;
    }

    private long UntilOf(long since, long now) => time.After(now, (time.Until(since, now) / 2) + Grace);

    private Doubts DoubtsOf(Endpoint endpoint)
    {
        if (!_doubts.TryGetValue(endpoint, out Doubts? doubts))
        {
            foreach (Endpoint left in _doubts.Keys.Where(static known => known.IsRetired).ToArray())
            {
                _doubts.Remove(left);
            }

            _doubts[endpoint] = doubts = new();
        }

        return doubts;
    }

    /// <summary>What is said of one endpoint.</summary>
    private sealed class Doubts
    {
        public Dictionary<Guid, Doubt> Others { get; } = [];

        public Doubt Own { get; set; } = new(0, 0, long.MinValue, long.MinValue);

        /// <summary>When the youngest call began that it is known to have answered in some process.</summary>
        public long AnsweredSince { get; set; } = long.MinValue;

        public long LookedAt { get; set; } = long.MinValue;

        public (double Evidence, long Answered, int Processes) Sum(long now)
        {
            (double evidence, long answered, int processes) = (0, 0, 0);
            foreach (Doubt doubt in Others.Values.Append(Own))
            {
                if (doubt.Until > now && doubt.Since > AnsweredSince)
                {
                    evidence += doubt.Evidence;
                    answered += doubt.Answered;
                    processes++;
                }
            }

            return (evidence, answered, processes);
        }

        public void Forget(long now)
        {
            foreach (Guid over in Others.Where(known => known.Value.Until <= now).Select(static known => known.Key).ToArray())
            {
                Others.Remove(over);
            }
        }
    }

    /// <summary>What one process says of one endpoint, and until when it counts.</summary>
    private readonly record struct Doubt(double Evidence, int Answered, long Since, long Until);
}
