using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>
/// What the pool asks the others for: a permit for each call that is queued and has none, at the endpoint that can take it first; and some for calls to come, at each endpoint as
/// many as it takes in a moment. Gives what is granted to the endpoints.
/// </summary>
/// <remarks>Not safe for concurrent use, but for <see cref="IsDue"/>; the balancer's lock guards it.</remarks>
internal sealed class PermitAsks(PoolState state, TimeProvider time, SharedFacts facts)
{
    /// <summary>So many in one request, that processes which ask at the same time take turns.</summary>
    private const int Batch = 16;

    /// <summary>The same where none is in hand, and the most in hand for one queue.</summary>
    private const int Burst = 64;

    private const int MostLimits = 16;

    /// <summary>After nobody has granted anything the next request waits for this time.</summary>
    private static readonly TimeSpan AloneSpacing = TimeSpan.FromMilliseconds(250);

    /// <summary>The same after nothing was granted to calls that wait.</summary>
    private static readonly TimeSpan RefusedSpacing = TimeSpan.FromMilliseconds(20);

    /// <summary>For so long a process decides alone without asking again. A busy one asks meanwhile.</summary>
    private static readonly TimeSpan AloneFor = TimeSpan.FromSeconds(1);

    private readonly Dictionary<IStartLine, Endpoint> _endpoints = [];
    private readonly List<IStartLine> _wanted = [];
    private readonly HashSet<Endpoint> _queuedFor = [];
    private volatile bool _isDue;
    private long _notBefore = long.MinValue;

    /// <summary>Permits are wanted.</summary>
    public bool IsDue => _isDue && time.GetTimestamp() >= Volatile.Read(ref _notBefore);

    /// <summary>The configured limits and the paces of these endpoints are shared. Of those whose address is not known they are not.</summary>
    public void Share(PoolMembers members)
    {
        _endpoints.Clear();
        foreach (Endpoint endpoint in members.Endpoints)
        {
            if (endpoint.Setup.Ids is not { } ids)
            {
                continue;
            }

            if (endpoint.ServiceTier is null)
            {
                endpoint.Capacity.Configured.BeginSharing(ids.Deployment, Want);
            }

            endpoint.Capacity.BeginSharing(ids.Pace, Want);
            foreach (IStartLine line in endpoint.Capacity.Lines)
            {
                _endpoints.TryAdd(line, endpoint);
            }
        }
    }

    /// <summary>Looks whether queued calls need permits.</summary>
    public void Look(long now)
    {
        foreach (Picker picker in state.Unsettled.Queued)
        {
            _isDue |= Uncovered(picker, now) > 0;
        }
    }

    /// <summary>The request that is due; null where none is.</summary>
    public PermitAsk? Next(long now)
    {
        state.AssertLocked();
        if (now < _notBefore)
        {
            return null;
        }

        _isDue = false;
        PermitAsk ask = new(time, now);
        foreach (Picker picker in state.Unsettled.Queued)
        {
            WishForQueued(ask, picker, now);
            _queuedFor.UnionWith(_wanted.Count == 0 ? [] : picker.Endpoints);
        }

        foreach (IStartLine shared in _wanted)
        {
            shared.IsWanted = false;
            WishAhead(ask, shared, now);
        }

        _wanted.Clear();
        _queuedFor.Clear();
        return ask.IsEmpty ? null : ask;
    }

    /// <summary>Takes the answer; null where nobody has granted anything.</summary>
    public void Take(PermitAsk ask, PermitReply? reply, long now)
    {
        state.AssertLocked();
        if (reply is null || !ask.TryTake(reply, now))
        {
            ask.GoAlone(time.After(now, AloneFor));
            Volatile.Write(ref _notBefore, time.After(now, AloneSpacing));
        }
        else
        {
            if (ask.IsForQueued && reply.Permits.Count == 0)
            {
                Volatile.Write(ref _notBefore, time.After(now, RefusedSpacing));
            }

            // Not before: they would ask for the pace that is not changed yet, and believe it.
            foreach (IStartLine line in ask.Changed)
            {
                if (_endpoints.TryGetValue(line, out Endpoint? endpoint))
                {
                    facts.Paced(endpoint, now);
                }
            }
        }
    }

    /// <summary>Nobody waits for the answer any longer, which may still come.</summary>
    public void Late(PermitAsk ask, long now)
    {
        state.AssertLocked();
        ask.GoAlone(time.After(now, AloneFor));
    }

    private void Want(IStartLine shared)
    {
        _isDue = true;
        if (!shared.IsWanted)
        {
            shared.IsWanted = true;
            _wanted.Add(shared);
        }
    }

    /// <summary>How many queued calls have no permit that they may use, and may wait long enough to be granted one.</summary>
    private static int Uncovered(Picker picker, long now)
    {
        if (picker.Queue.Head is not { Request: { } head })
        {
            return 0;
        }

        int held = 0;
        (bool isOpen, bool fits) = (false, false);
        foreach (Endpoint endpoint in picker.Endpoints)
        {
            if (endpoint.Capacity.Line is { } shared)
            {
                long from = Math.Max(now, NotBefore(endpoint));
                held += shared.HeldAfter(from);
                fits |= head.IgnoresTokenLimits || shared.HoldsFor(head.Tokens.At(endpoint.MaxOutputTokens), from);
                isOpen |= Math.Max(from, shared.NextAt) <= picker.Queue.LatestDeadline;
            }
        }

        return !isOpen || held >= Burst ? 0 : Math.Max(picker.Queue.Length - held, fits ? 0 : 1);
    }

    private void WishForQueued(PermitAsk ask, Picker picker, long now)
    {
        int uncovered = Uncovered(picker, now);
        Endpoint[] candidates = uncovered == 0 ? [] : Candidates(picker);
        if (candidates.Length == 0)
        {
            return;
        }

        List<int> places = [];
        (long tokens, TimeSpan hold) = (0, TimeSpan.Zero);
        PickRequest head = picker.Queue.Head!.Request;
        foreach (Endpoint endpoint in candidates.Take(MostLimits - ask.Limits))
        {
            IStartLine shared = endpoint.Capacity.Line!;
            places.Add(ask.Place(shared, endpoint.Priority, time.Until(now, NotBefore(endpoint))));
            tokens = head.IgnoresTokenLimits ? 0 : Math.Max(tokens, head.Tokens.At(endpoint.MaxOutputTokens));
            hold = Timestamps.Max(hold, shared.Hold);
        }

        bool isBurst = uncovered == picker.Queue.Length;
        int count = Math.Min(Math.Min(uncovered, isBurst ? Burst : Batch), Burst - ask.Permits);
        ask.Wish(places, count, tokens, time.Until(now, picker.Queue.LatestDeadline), hold, isAhead: false);
        _isDue |= count < uncovered;
    }

    private void WishAhead(PermitAsk ask, IStartLine shared, long now)
    {
        if (!_endpoints.TryGetValue(shared, out Endpoint? endpoint))
        {
            return;
        }

        // A probe takes a call off no other endpoint, so it needs no room that is left over. Calls pass by only where another endpoint needs no permit, and the next one finds one; else they wait, and are asked for.
        bool isProbe = endpoint.Health.State is EndpointState.Probing or EndpointState.Recovering;
        bool passesBy = !_queuedFor.Contains(endpoint) && !Array.TrueForAll(state.Members.Endpoints, IsShared);
        int count = shared.WantedAhead(now, isProbe || passesBy ? 1 : 0);
        if (count <= 0 && !shared.HasNews)
        {
            return;
        }

        if (ask.Limits == MostLimits || ask.Permits + count > Burst)
        {
            _isDue = true;
            return;
        }

        int place = ask.Place(shared, endpoint.Priority, time.Until(now, NotBefore(endpoint)));
        ask.Wish([place], count, shared.TokensAhead, TimeSpan.Zero, IStartLine.AheadHold, isAhead: !isProbe);
    }

    /// <summary>The endpoints that queued calls wait for, the next in turn first; those that have failed only where there are no others, since they take a probe only.</summary>
    private static Endpoint[] Candidates(Picker picker)
    {
        Rotation rotation = picker.Rotation;
        uint turn = unchecked(picker.Turns + 1);
        Endpoint[] inTurn = [.. Enumerable.Range(0, rotation.Count).Select(i => rotation[turn + (uint)i]).Concat(picker.Endpoints).Distinct().Where(IsShared)];
        Endpoint[] able = Array.FindAll(inTurn, static endpoint => endpoint.Health.CanAcquire || endpoint.Health.Reason == OutcomeKind.RateLimited);
        return able.Length > 0 ? able : Array.FindAll(inTurn, static endpoint => !endpoint.Health.IsMisconfigured);
    }

    private static bool IsShared(Endpoint endpoint) => endpoint.Capacity.Line is not null;

    /// <summary>The end of a pause that holds whatever happens.</summary>
    private static long NotBefore(Endpoint endpoint) => Math.Max(endpoint.RetryAfterUntil, endpoint.Capacity.PausedUntil);
}
