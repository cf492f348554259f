namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>What a rejection with a stated pause costs: the seconds of the pause beyond the time in which there is no room.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class RejectionCost(TimeProvider time)
{
    /// <summary>A stated pause is lately the longest for this many times its length.</summary>
    private const double LongestHolds = 10;

    /// <summary>The same pause this many times in a row is a constant, and says nothing of the time until there is room.</summary>
    private const int SameForConstant = 3;

    /// <summary>A pause as long as this is one too.</summary>
    private static readonly TimeSpan Constant = TimeSpan.FromMinutes(1);

    private long _longestAt;
    private TimeSpan _last;
    private int _same;

    /// <summary>The longest pause that was stated lately.</summary>
    public TimeSpan Longest { get; private set; }

    public double Of(TimeSpan told, long now)
    {
        if (told >= Longest || time.Until(_longestAt, now) > LongestHolds * Longest)
        {
            (Longest, _longestAt) = (told, now);
        }

        _same = told == _last ? _same + 1 : 1;
        _last = told;
        bool isConstant = _same >= SameForConstant || told >= Constant;
        bool isInSeconds = told.Ticks % TimeSpan.TicksPerSecond == 0;
        return isConstant ? told.TotalSeconds : isInSeconds ? Math.Min(told.TotalSeconds, 1) : 0;
    }
}
