using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>How long a call may wait for its answer before its age alone speaks against its endpoint: longer than any recent answer can explain.</summary>
/// <remarks>
/// Recent means the last 5 to 10 minutes, and not the last answers: after a pause the short answers come first, and say nothing of the long ones. Safe for concurrent use; a
/// value lost to a race is one of many. Each call that begins to wait reads <see cref="FirstLookAt"/>, and its own timer tells of it: no call is looked for.
/// </remarks>
internal sealed class AgeWatch(TimeProvider time)
{
    /// <summary>An answer is at most this many times as long as the longest of some hundreds, where durations are as those of chat models are: lognormal, with a sigma of 1.</summary>
    private const int Factor = 5;

    /// <summary>The same with fewer answers than <see cref="ManyAnswers"/>, whose longest says less.</summary>
    private const int FactorOfFew = 20;

    private const int ManyAnswers = 64;

    /// <summary>With fewer answers their longest says nothing. One of many processes that share a load has few.</summary>
    private const int LeastAnswers = 5;

    /// <summary>A pause of our own process may make a call this old.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(2);

    /// <summary>A timer that is later than this says that our own process stands still: what it makes old is no endpoint's fault.</summary>
    private static readonly TimeSpan Late = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan Period = TimeSpan.FromMinutes(5);

    private readonly TimeProvider _time = time;
    private Func<Attempt, TimeSpan>? _judge;
    private bool _tellsDoubts;
    private long _periodEnds = time.After(time.GetTimestamp(), Period);
    private long _longest;
    private long _longestBefore;
    private long _limit = long.MaxValue;

    /// <summary>The durations of the pool's last answers.</summary>
    public RecentLongest Last { get; } = new();

    /// <summary>From when on a call is judged that has waited since <paramref name="since"/>; long.MaxValue while too few answers are known.</summary>
    public long JudgedAt(long since) => Volatile.Read(ref _limit) is var limit && limit == long.MaxValue ? limit : since + limit;

    /// <summary>The age from which a call speaks against its endpoint: twice as long as the longest of the pool's last answers. By itself it is too little for a verdict.</summary>
    public TimeSpan Doubtful => Timestamps.Max(2 * Last.Read(), StallTest.LeastWait);

    /// <summary>When a call that has waited since <paramref name="since"/> is looked at first: where doubts are told to other processes, before <see cref="JudgedAt"/>.</summary>
    public long FirstLookAt(long since) =>
        _tellsDoubts && Last.Count != 0 ? Math.Min(JudgedAt(since), _time.After(since, Doubtful)) : JudgedAt(since);

    /// <summary>When a doubtful call that has waited since <paramref name="since"/> is looked at again: ever later, so that a long call is told of a few times only, but not past <see cref="JudgedAt"/>.</summary>
    /// <returns>The time until then.</returns>
    public TimeSpan NextLook(long since, long now)
    {
        TimeSpan next = Timestamps.Max(_time.Until(since, now) / 2, StallTest.LeastWait);
        return JudgedAt(since) is var judged && judged > now ? Timestamps.Min(next, _time.Until(now, judged)) : next;
    }

    /// <summary>Notes the duration of an answer; for a stream, the time to its first content.</summary>
    public void Add(TimeSpan took, long now)
    {
        int count = Last.Add(took);
        long ends = Volatile.Read(ref _periodEnds);
        if (now >= ends && Interlocked.CompareExchange(ref _periodEnds, _time.After(now, Period), ends) == ends)
        {
            Volatile.Write(ref _longestBefore, now < _time.After(ends, Period) ? Volatile.Read(ref _longest) : 0);
            Volatile.Write(ref _longest, took.Ticks);
        }
        else if (took.Ticks > Volatile.Read(ref _longest))
        {
            Volatile.Write(ref _longest, took.Ticks);
        }
        else if (count is < 0 or > ManyAnswers && count % ManyAnswers != 0)
        {
            return;
        }

        Volatile.Write(ref _limit, LimitAfter(count));
    }

    /// <summary>Says who judges a call that has reached <see cref="FirstLookAt"/>, and returns the time until it is judged again.</summary>
    public void JudgeBy(Func<Attempt, TimeSpan> judge, bool tellsDoubts) => (_judge, _tellsDoubts) = (judge, tellsDoubts);

    /// <summary>The call has reached the time of a look. Not under a lock.</summary>
    /// <param name="aged">The call.</param>
    /// <param name="at">Where the call keeps the time of its next judgement.</param>
    /// <param name="due">The time of this one. A timer that comes much later says nothing of the endpoint.</param>
    /// <param name="now">The present.</param>
    /// <returns>When it is judged again.</returns>
    public long Judge(Attempt aged, ref long at, long due, long now)
    {
        long next = _time.After(now, _time.Until(due, now) > Late ? Shortest / 2 : _judge?.Invoke(aged) ?? Period);
        // A wait that began meanwhile has set its own time.
        return Interlocked.CompareExchange(ref at, next, due) is var found && found == due ? next : found;
    }

    /// <summary>The age from which a call is judged, in ticks of the clock: computed where it changes, since each call reads it.</summary>
    private long LimitAfter(int answers)
    {
        TimeSpan longest = TimeSpan.FromTicks(Math.Max(Volatile.Read(ref _longest), Volatile.Read(ref _longestBefore)));
        return answers is >= 0 and < LeastAnswers ? long.MaxValue : _time.After(0, Timestamps.Max((answers is >= 0 and < ManyAnswers ? FactorOfFew : Factor) * longest, Shortest));
    }
}
