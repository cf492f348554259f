namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Answers requests for permits as a server does: each permit at the deployment whose next start is the soonest. Not safe for concurrent use.</summary>
internal sealed class StartRings
{
    private readonly Dictionary<EndpointId, (StartRing? Requests, StartRing? Tokens)> _rings = [];
    private readonly HashSet<EndpointId> _lost = [];
    private readonly Dictionary<EndpointId, PaceLine> _lines = [];

    /// <summary>The server has lost what it held. Who asks knows that something had been granted.</summary>
    public void Wipe()
    {
        _lost.UnionWith(_rings.Where(static ring => (ring.Value.Requests ?? ring.Value.Tokens)?.Total > 0).Select(static ring => ring.Key));
        _rings.Clear();
        _lines.Clear();
    }

    /// <param name="request">As it was sent.</param>
    /// <param name="now">In microseconds.</param>
    public PermitReply Ask(PermitRequest request, long now)
    {
        (StartRing? Requests, StartRing? Tokens)[] rings = [.. request.Limits.Select(limit => RingsOf(limit, now))];
        PaceLine?[] lines = [.. request.Limits.Select(limit => LineOf(limit, now))];
        long[] tokens = new long[rings.Length];
        List<StartPermit> permits = [];
        foreach (PermitWish wish in request.Wishes)
        {
            int[] granted = new int[rings.Length];
            long hold = Microseconds(wish.Hold);
            for (int i = 0; i < wish.Count; i++)
            {
                (long start, int place) = wish.Of.Select(place => (StartOf(place, wish), place))
                    .MinBy(choice => (choice.Item1, request.Limits[choice.place].Priority, granted[choice.place]));
                if (start > now + Microseconds(wish.Within))
                {
                    break;
                }

                granted[place]++;
                rings[place].Requests?.Push(start + hold, 1);
                if (wish.Tokens > 0)
                {
                    rings[place].Tokens?.Push(start + hold, wish.Tokens);
                }

                permits.Add(new() { Limit = place, In = TimeSpan.FromMicroseconds(start - now), For = wish.Hold, Tokens = wish.Tokens, Place = lines[place]?.Push(wish.IsAhead) ?? 0 });
            }

            foreach (int place in wish.Of)
            {
                tokens[place] = wish.Tokens;
            }
        }

        TimeSpan[] nextIn = [.. rings.Select((ring, i) => TimeSpan.FromMicroseconds(Next(i, 1, Math.Max(1, tokens[i])) - now))];
        return new()
        {
            Permits = permits,
            NextIn = nextIn,
            Granted = [.. rings.Select((ring, i) => lines[i]?.Total ?? (ring.Requests ?? ring.Tokens)!.Total)],
            Paces = [.. lines.Select(line => line?.Close(now))],
        };

        long StartOf(int place, PermitWish wish)
        {
            long earliest = now + Microseconds(request.Limits[place].NotBefore);
            bool isLeft = !wish.IsAhead || (lines[place]?.IsLeft(now) != false && IsLeft(rings[place].Requests, 1, now) && IsLeft(rings[place].Tokens, wish.Tokens, now));
            return isLeft ? Math.Max(earliest, Next(place, 1, wish.Tokens)) : long.MaxValue;
        }

        long Next(int place, long calls, long cost) =>
            Math.Max(lines[place]?.StartFor(now) ?? rings[place].Requests?.StartFor(calls, now) ?? now, cost == 0 ? now : rings[place].Tokens?.StartFor(cost, now) ?? now);
    }

    private PaceLine? LineOf(PermitLimit limit, long now)
    {
        if (limit.Pace is null)
        {
            return null;
        }

        if (!_lines.TryGetValue(limit.Id, out PaceLine? line))
        {
            _lines[limit.Id] = line = new();
        }

        line.Open(limit, now);
        return line;
    }

    private (StartRing? Requests, StartRing? Tokens) RingsOf(PermitLimit limit, long now)
    {
        if (!_rings.TryGetValue(limit.Id, out (StartRing? Requests, StartRing? Tokens) rings))
        {
            _rings[limit.Id] = rings = (
                limit.Requests > 0 ? new(limit.Requests, Microseconds(limit.RequestPeriod)) : null,
                limit.Tokens > 0 ? new(limit.Tokens, Microseconds(limit.TokenPeriod)) : null);
            if (_lost.Remove(limit.Id))
            {
                rings.Requests?.Fill(now);
                rings.Tokens?.Fill(now);
            }
        }

        if (limit.TakenRequests > 0)
        {
            rings.Requests?.Push(now, limit.TakenRequests);
        }

        if (limit.TakenTokens > 0)
        {
            rings.Tokens?.Push(now, limit.TakenTokens);
        }

        return rings;
    }

    /// <summary>A quarter of the limit, and at least one, is left to the others.</summary>
    private static bool IsLeft(StartRing? ring, long cost, long now) =>
        ring is null || (Math.Max(1, ring.Limit / 4) is var left && cost + left <= ring.Limit && ring.StartFor(cost + left, now) <= now);

    private static long Microseconds(TimeSpan span) => (long)span.TotalMicroseconds;
}
