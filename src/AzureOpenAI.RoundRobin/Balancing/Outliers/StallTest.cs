namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Decides whether an endpoint has stalled: the other endpoints have answered many calls that began after the youngest one that it has answered, and the chance that all its
/// calls since then are merely long is below 1 in 10 million. The measure is the others' answers, not seconds, so it holds for answers of 60 ms and of 60 s alike.
/// </summary>
/// <remarks>
/// A stalled endpoint may still answer calls that began before the stall, so answers count by the start of their calls. A call's age is the number of calls that the pool has
/// begun since.
/// </remarks>
internal sealed class StallTest(int endpoints)
{
    /// <summary>With fewer waiting calls an endpoint is never stalled: they may all be long ones.</summary>
    public const int LeastWaiting = 3;

    /// <summary>A call that has waited less says nothing: on a busy machine, or after a pause of our own process, the others' answers are merely read first.</summary>
    public static readonly TimeSpan LeastWait = TimeSpan.FromMilliseconds(250);

    /// <summary>The natural logarithm of 10 million. A healthy pool is tested often: at 1 in 1,000 it would have a false stall every day.</summary>
    public const double PastBelief = 16.1;

    /// <summary>Minimum answers of the other endpoints to calls that began after the youngest one that this endpoint has answered.</summary>
    public int LeastAnswers { get; } = Math.Max(20, 10 * endpoints);

    /// <summary>Whether <see cref="HasStalled"/> may be true. Two comparisons only, since it runs for every endpoint every few calls.</summary>
    /// <param name="inFlight">The calls in flight at the endpoint.</param>
    /// <param name="heardAge">The age of the youngest call that made progress there.</param>
    public bool IsSuspect(int inFlight, uint heardAge) => inFlight >= LeastWaiting && heardAge > (uint)LeastAnswers;

    /// <summary>The full test of one endpoint.</summary>
    /// <param name="waiting">Its waiting calls that are younger than any that made progress: age and wait of each.</param>
    /// <param name="othersAnswered">The ages of the calls that the other endpoints have answered, in ascending order.</param>
    /// <param name="othersWaiting">The ages of the calls that wait at the other endpoints, in ascending order.</param>
    /// <param name="othersTook">The durations of the other endpoints' last answers, in ascending order.</param>
    /// <param name="itsAnswers">The durations of its own last answers.</param>
    /// <param name="heardAge">The age of the youngest call that made progress there.</param>
    public bool HasStalled(
        ReadOnlySpan<(uint Age, TimeSpan Waited)> waiting, ReadOnlySpan<uint> othersAnswered, ReadOnlySpan<uint> othersWaiting, ReadOnlySpan<TimeSpan> othersTook,
        ReadOnlySpan<TimeSpan> itsAnswers, uint heardAge)
    {
        if (waiting.Length < LeastWaiting || Below(othersAnswered, heardAge) < LeastAnswers)
        {
            return false;
        }

        (double against, int counted) = (0, 0);
        foreach ((uint age, TimeSpan waited) in waiting)
        {
            if (waited < LeastWait)
            {
                continue;
            }

            counted++;
            double share = Math.Max(ShareThatWaits(age, othersAnswered, othersWaiting), ShareThatTookLonger(waited, othersTook));
            against -= Math.Log(Math.Max(share, ShareThatTookLonger(waited, itsAnswers, share)));
        }

        return counted >= LeastWaiting && against >= PastBelief;
    }

    /// <summary>An upper bound of the chance that a healthy endpoint has not answered a call of this age: the share of younger calls that still wait at the other endpoints.</summary>
    private static double ShareThatWaits(uint age, ReadOnlySpan<uint> othersAnswered, ReadOnlySpan<uint> othersWaiting)
    {
        double wait = Below(othersWaiting, age);
        return (wait + 1) / (wait + Below(othersAnswered, age) + 1);
    }

    /// <summary>
    /// The same chance by the durations of the others' answers: where they answer many at once, as after a burst or a pause of our own process, their order says little of an
    /// endpoint whose calls have not waited as long as those did.
    /// </summary>
    private static double ShareThatTookLonger(TimeSpan waited, ReadOnlySpan<TimeSpan> othersTook) =>
        othersTook.IsEmpty ? 0 : (othersTook.Length - Below(othersTook, waited + TimeSpan.FromTicks(1))) / (double)othersTook.Length;

    /// <summary>
    /// The same chance by the endpoint's own last answers: the others' answers say little about an endpoint with all the long conversations. The fewer answers it has, the more
    /// the others' share weighs.
    /// </summary>
    private static double ShareThatTookLonger(TimeSpan waited, ReadOnlySpan<TimeSpan> itsAnswers, double shareOfOthers)
    {
        int longer = 0;
        foreach (TimeSpan took in itsAnswers)
        {
            longer += took > waited ? 1 : 0;
        }

        return (longer + shareOfOthers) / (itsAnswers.Length + 1);
    }

    /// <summary>The number of values below the given one.</summary>
    private static int Below<T>(ReadOnlySpan<T> ordered, T value)
        where T : IComparable<T>
    {
        int low = 0;
        int high = ordered.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = ordered[middle].CompareTo(value) < 0 ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
