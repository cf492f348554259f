namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>Finds out that a pace is of no use any more: in five minutes in a row less than half of the calls went that might have gone.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class QuietCount(TimeProvider time)
{
    private const int QuietPeriods = 5;

    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    private long _periodAt;
    private int _taken;
    private int _quiet;

    public void Begin(long now) => (_periodAt, _taken, _quiet) = (now, 0, 0);

    /// <summary>A call went.</summary>
    /// <returns>Whether that was the end of the last of the minutes.</returns>
    public bool Took(double perSecond, long now)
    {
        _taken++;
        TimeSpan passed = time.Until(_periodAt, now);
        if (passed < Period)
        {
            return false;
        }

        bool isQuiet = _taken < 0.5 * perSecond * passed.TotalSeconds;
        _quiet = isQuiet ? _quiet + (int)Math.Min(QuietPeriods, passed / Period) : 0;
        (_periodAt, _taken) = (now, 0);
        return _quiet >= QuietPeriods;
    }
}
