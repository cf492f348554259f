namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>How many calls an endpoint has answered, and how many are in flight there. Exact, whoever counts at the same time.</summary>
/// <remarks>
/// Answers that are there at once mostly come to one thread, again and again, and an interlocked operation is a large part of what such a call costs. So the first
/// attempt that has one counts its own apart, and is the only one that ever writes there: an attempt is run by one call at a time, and handed on with a fence.
/// All others count together, with interlocked operations. A biased count, as some runtimes keep their references.
/// </remarks>
internal struct CallCounts
{
    /// <summary>Both counts of a call that ends well in one word, so that its end is one interlocked operation.</summary>
    private const int AnsweredShift = 24;
    private const long OneAnswered = 1L << AnsweredShift;

    private long _answeredAndInFlight;
    private long _answeredToFavored;
    private ICallOwner? _favored;

    public readonly long Answered => (Volatile.Read(in _answeredAndInFlight) >> AnsweredShift) + Volatile.Read(in _answeredToFavored);

    public readonly int InFlight => InFlightOf(Volatile.Read(in _answeredAndInFlight));

    /// <returns>How many are in flight now.</returns>
    public int Began() => InFlightOf(Interlocked.Increment(ref _answeredAndInFlight));

    /// <summary>A call that was in flight has ended.</summary>
    /// <returns>How many answers were counted so far in the same place, of two.</returns>
    public long Ended(bool answered) => Interlocked.Add(ref _answeredAndInFlight, answered ? OneAnswered - 1 : -1) >> AnsweredShift;

    /// <summary>A call was answered that was never in flight.</summary>
    /// <returns>How many answers were counted so far in the same place, of two.</returns>
    public long AnsweredSynchronously(ICallOwner owner)
    {
        if (_favored != owner && !TryFavor(owner))
        {
            return Interlocked.Add(ref _answeredAndInFlight, OneAnswered) >> AnsweredShift;
        }

        long answered = _answeredToFavored + 1;
        Volatile.Write(ref _answeredToFavored, answered);
        return answered;
    }

    /// <summary>Another may take the place of one that is never used again, whose last count is seen by whoever sees that.</summary>
    private bool TryFavor(ICallOwner owner)
    {
        ICallOwner? favored = _favored;
        return favored is null or { IsGone: true } && Interlocked.CompareExchange(ref _favored, owner, favored) == favored;
    }

    private static int InFlightOf(long answeredAndInFlight) => (int)(answeredAndInFlight & (OneAnswered - 1));
}

/// <summary>What counts its calls one after the other, never two at a time.</summary>
internal interface ICallOwner
{
    /// <summary>It counts no more. Read with acquire, so whoever sees it also sees the last count.</summary>
    bool IsGone { get; }
}
