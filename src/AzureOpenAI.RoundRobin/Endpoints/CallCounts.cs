namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The calls that an endpoint has answered, and those in flight. Exact under concurrency.</summary>
/// <remarks>
/// A biased count, as in biased reference counting. Calls that complete synchronously mostly do so on one thread, and an interlocked operation is a large part of their
/// cost. So the first attempt object that has such a call becomes the owner of a separate count, which it alone writes with plain operations: one call at a time runs an
/// attempt, and it is handed on with a fence. All other attempts share the other count, with interlocked operations.
/// </remarks>
internal struct CallCounts
{
    /// <summary>Answered and in flight share one word, so that the end of a call is one interlocked operation.</summary>
    private const int AnsweredShift = 24;
    private const long OneAnswered = 1L << AnsweredShift;

    private long _answeredAndInFlight;
    private long _answeredToFavored;
    private ICallOwner? _favored;

    public readonly long Answered => (Volatile.Read(in _answeredAndInFlight) >> AnsweredShift) + Volatile.Read(in _answeredToFavored);

    public readonly int InFlight => InFlightOf(Volatile.Read(in _answeredAndInFlight));

    /// <returns>The calls in flight now.</returns>
    public int Began() => InFlightOf(Interlocked.Increment(ref _answeredAndInFlight));

    /// <summary>A call that was counted in flight has ended.</summary>
    /// <returns>The answers so far in the shared count.</returns>
    public long Ended(bool answered) => Interlocked.Add(ref _answeredAndInFlight, answered ? OneAnswered - 1 : -1) >> AnsweredShift;

    /// <summary>A call was answered that was never counted in flight.</summary>
    /// <returns>The answers so far in the count that took it: the owner's or the shared one.</returns>
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

    /// <summary>
    /// The place of the owner is free once it is gone. T1 (the owner) writes its last count, then <see cref="ICallOwner.IsGone"/> with release. T2 (here) reads it with acquire,
    /// so it reads T1's last count too.
    /// </summary>
    private bool TryFavor(ICallOwner owner)
    {
        ICallOwner? favored = _favored;
        return favored is null or { IsGone: true } && Interlocked.CompareExchange(ref _favored, owner, favored) == favored;
    }

    private static int InFlightOf(long answeredAndInFlight) => (int)(answeredAndInFlight & (OneAnswered - 1));
}

/// <summary>Counts its calls one after the other, never two at a time.</summary>
internal interface ICallOwner
{
    /// <summary>It counts no more. Written with release after its last count, and read with acquire.</summary>
    bool IsGone { get; }
}
