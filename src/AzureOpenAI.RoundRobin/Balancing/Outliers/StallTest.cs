namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>
/// Tells when an endpoint has fallen silent: others have answered many calls that began after the youngest one that it has answered, and it is past belief that
/// all of its calls since then are just long ones. The measure is the others' answers and not seconds, so it fits answers of 60 ms and of 60 s alike.
/// </summary>
/// <remarks>
/// What an endpoint took long ago it may still answer while it lets all that is new hang, so answers count by when their calls began. A call's age is the
/// number of calls that the pool has begun since.
/// </remarks>
internal sealed class StallTest(int endpoints)
{
    /// <summary>Fewer calls than this may all be long ones.</summary>
    public const int LeastWaiting = 3;

    /// <summary>The natural logarithm of ten million to one. A healthy pool is looked at often, so once in a thousand would be every day.</summary>
    private const double PastBelief = 16.1;

    /// <summary>So many answers must others have given to calls that began after the youngest one that this endpoint has answered.</summary>
    public int LeastAnswers { get; } = Math.Max(20, 10 * endpoints);

    /// <summary>Whether a closer look may find anything: no more than two comparisons, for every endpoint every few calls.</summary>
    /// <param name="inFlight">The calls in flight there.</param>
    /// <param name="heardAge">The age of the youngest call that it has answered.</param>
    public bool IsSuspect(int inFlight, uint heardAge) => inFlight >= LeastWaiting && heardAge > (uint)LeastAnswers;

    /// <summary>The closer look at an endpoint.</summary>
    /// <param name="waiting">Its calls that are younger than any it has answered: the age of each, and how long it has waited.</param>
    /// <param name="othersAnswered">The ages of the calls that others have answered, in ascending order.</param>
    /// <param name="othersWaiting">The ages of the calls that wait at others, in ascending order.</param>
    /// <param name="itsAnswers">How long its own last answers took.</param>
    /// <param name="heardAge">The age of the youngest call that it has answered.</param>
    public bool HasStalled(
        ReadOnlySpan<(uint Age, TimeSpan Waited)> waiting, ReadOnlySpan<uint> othersAnswered, ReadOnlySpan<uint> othersWaiting, ReadOnlySpan<TimeSpan> itsAnswers,
        uint heardAge)
    {
        if (waiting.Length < LeastWaiting || Younger(othersAnswered, heardAge) < LeastAnswers)
        {
            return false;
        }

        double against = 0;
        foreach ((uint age, TimeSpan waited) in waiting)
        {
            double share = ShareThatWaits(age, othersAnswered, othersWaiting);
            against -= Math.Log(Math.Max(share, ShareThatTookLonger(waited, itsAnswers, share)));
        }

        return against >= PastBelief;
    }

    /// <summary>How likely a healthy endpoint has not answered a call of this age: no likelier than others have not answered those that began after it.</summary>
    private static double ShareThatWaits(uint age, ReadOnlySpan<uint> othersAnswered, ReadOnlySpan<uint> othersWaiting)
    {
        double wait = Younger(othersWaiting, age);
        return (wait + 1) / (wait + Younger(othersAnswered, age) + 1);
    }

    /// <summary>
    /// The same by what the endpoint itself is used to: where one has all the long conversations, the others' answers say little about it. While it has
    /// answered little itself, theirs say more.
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

    /// <summary>How many are younger than the given age.</summary>
    private static int Younger(ReadOnlySpan<uint> ages, uint age)
    {
        int low = 0;
        int high = ages.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = ages[middle] < age ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
