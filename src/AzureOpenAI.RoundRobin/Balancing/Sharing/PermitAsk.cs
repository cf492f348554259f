using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Balancing.Sharing;

/// <summary>One request for permits, and what its answer means to the limits that it is about. No value of an answer is trusted.</summary>
internal sealed class PermitAsk(TimeProvider time, long now)
{
    private static readonly TimeSpan LongestHold = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly List<IStartLine> _shared = [];
    private readonly List<PermitLimit> _limits = [];
    private readonly List<PermitWish> _wishes = [];

    /// <summary>How long ago it was made.</summary>
    public TimeSpan Age(long at) => time.Until(now, at);

    public int Limits => _limits.Count;

    /// <summary>The number of permits that are wished.</summary>
    public int Permits { get; private set; }

    public bool IsEmpty => _limits.Count == 0;

    public bool IsForQueued => _wishes.Exists(static wish => !wish.IsAhead);

    /// <summary>After the answer: of these the others have to hear.</summary>
    public IEnumerable<IStartLine> Changed => _shared.Where(static shared => shared.IsChanged);

    public PermitRequest Request => new() { Limits = _limits, Wishes = _wishes };

    /// <summary>The place of a deployment in the request.</summary>
    public int Place(IStartLine shared, int priority, TimeSpan notBefore)
    {
        int place = _shared.IndexOf(shared);
        if (place < 0)
        {
            place = _shared.Count;
            _shared.Add(shared);
            _limits.Add(shared.ToRequest(priority, notBefore));
        }

        return place;
    }

    public void Wish(IReadOnlyList<int> places, int count, long tokens, TimeSpan within, TimeSpan hold, bool isAhead)
    {
        if (count > 0 && places.Count > 0)
        {
            Permits += count;
            _wishes.Add(new() { Of = places, Count = count, Tokens = tokens, Within = within, Hold = hold, IsAhead = isAhead });
        }
    }

    /// <summary>Gives what was granted to the limits that it is for.</summary>
    /// <returns>False where nothing is granted because nobody answers, or where the answer cannot be.</returns>
    public bool TryTake(PermitReply reply, long at)
    {
        if (reply.NextIn.Count != _shared.Count || reply.Granted.Count != _shared.Count || reply.Permits.Count > Permits || !reply.Permits.All(IsInRange))
        {
            return false;
        }

        for (int i = 0; i < _shared.Count; i++)
        {
            _shared[i].Compare(reply.Granted[i]);
            if (!_shared[i].TryHear(reply.Paces.Count == _shared.Count ? reply.Paces[i] : null, at))
            {
                return false;
            }
        }

        foreach (StartPermit permit in reply.Permits)
        {
            // What is kept for longer than calls in a queue wait for is for calls to come.
            long start = Shifted(at, permit.In);
            _shared[permit.Limit].Add(permit, start, Shifted(start, permit.For), isAhead: permit.For >= IStartLine.AheadHold);
        }

        for (int i = 0; i < _shared.Count; i++)
        {
            bool isRefusedAhead = _wishes.Exists(wish => wish.IsAhead && wish.Of[0] == i) && !reply.Permits.Any(permit => permit.Limit == i);
            _shared[i].Answered(Shifted(at, Clamp(reply.NextIn[i])), reply.Granted[i], isRefusedAhead, at);
        }

        return true;
    }

    /// <summary>What has become of permits at these limits since this was asked last.</summary>
    public (int Voided, int Alone) Count()
    {
        (int voided, int alone) = (0, 0);
        foreach (IStartLine shared in _shared)
        {
            (int moreVoided, int moreAlone) = shared.Count();
            (voided, alone) = (voided + moreVoided, alone + moreAlone);
        }

        return (voided, alone);
    }

    /// <summary>Nobody has granted anything.</summary>
    /// <param name="until">For so long the limits are kept alone.</param>
    public void GoAlone(long until) => _shared.ForEach(shared => shared.GoAlone(until));

    private bool IsInRange(StartPermit permit) =>
        permit.Limit >= 0 && permit.Limit < _shared.Count && permit.Tokens >= 0 && permit.Place >= 0 && double.IsFinite(permit.Place) && permit.In >= -LongestHold && permit.In <= LongestWait && permit.For >= TimeSpan.Zero && permit.For <= LongestHold;

    private long Shifted(long timestamp, TimeSpan by) => by < TimeSpan.Zero ? timestamp - (time.After(0, -by)) : time.After(timestamp, by);

    private static TimeSpan Clamp(TimeSpan wait) => wait < -LongestHold ? -LongestHold : Timestamps.Min(wait, LongestWait);
}
