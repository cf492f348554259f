using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>How long a call may wait for its answer before its age alone speaks against its endpoint: longer than any recent answer can explain.</summary>
/// <remarks>
/// Recent means the last 5 to 10 minutes, and not the last answers: after a pause the short answers come first, and say nothing of the long ones. Safe for concurrent use; a
/// value lost to a race is one of many. Each call that begins to wait reads <see cref="FirstLook"/>, and its own timer tells of it: no call is looked for.
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
    private long _periodAt = time.GetTimestamp();
    private long _longest;
    private long _longestBefore;

    /// <summary>The durations of the pool's last answers.</summary>
    public RecentLongest Last { get; } = new();

    /// <summary>The age from which a call is judged; null while too few answers are known.</summary>
    public TimeSpan? Limit
    {
        get
        {
            TimeSpan longest = TimeSpan.FromTicks(Math.Max(Volatile.Read(ref _longest), Volatile.Read(ref _longestBefore)));
            return Last.Count switch
            {
                >= 0 and < LeastAnswers => null,
                >= LeastAnswers and < ManyAnswers => Timestamps.Max(FactorOfFew * longest, Shortest),
                _ => Timestamps.Max(Factor * longest, Shortest),
            };
        }
    }

    /// <summary>The age from which a call speaks against its endpoint: twice as long as the longest of the pool's last answers. By itself it is too little for a verdict.</summary>
    public TimeSpan Doubtful => Timestamps.Max(2 * Last.Read(), StallTest.LeastWait);

    /// <summary>The age at which a call is looked at first: where doubts are told to other processes, before <see cref="Limit"/>.</summary>
    public TimeSpan? FirstLook => !_tellsDoubts || Last.Count == 0 ? Limit : Limit is { } limit ? Timestamps.Min(limit, Doubtful) : Doubtful;

    /// <summary>When a doubtful call is looked at again: ever later, so that a long call is told of a few times only, but not past <see cref="Limit"/>.</summary>
    public TimeSpan NextLook(TimeSpan age)
    {
        TimeSpan next = Timestamps.Max(age / 2, StallTest.LeastWait);
        return Limit is { } limit && limit > age ? Timestamps.Min(next, limit - age) : next;
    }

    /// <summary>Notes the duration of an answer; for a stream, the time to its first content.</summary>
    public void Add(TimeSpan took, long now)
    {
        Last.Add(took);
        long periodAt = Volatile.Read(ref _periodAt);
        if (_time.Until(periodAt, now) is var passed && passed >= Period && Interlocked.CompareExchange(ref _periodAt, now, periodAt) == periodAt)
        {
            Volatile.Write(ref _longestBefore, passed < 2 * Period ? Volatile.Read(ref _longest) : 0);
            Volatile.Write(ref _longest, took.Ticks);
        }
        else if (took.Ticks > Volatile.Read(ref _longest))
        {
            Volatile.Write(ref _longest, took.Ticks);
        }
    }

    /// <summary>Says who judges a call that has reached <see cref="FirstLook"/>, and returns the time until it is judged again.</summary>
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
}
