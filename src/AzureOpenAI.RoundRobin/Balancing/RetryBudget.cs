namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// What keeps attempts that are not free from becoming a storm: one bucket per pool, 10 at once, 10 more a second, and one for every five calls.
/// </summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class RetryBudget(TimeProvider time)
{
    private const double Burst = 10;
    private const double PerSecond = 10;
    private const double PerCall = 0.2;

    private readonly TimeProvider _time = time;
    private double _tokens = Burst;
    private long _filledAt = time.GetTimestamp();
    private uint _callsSeen;

    /// <param name="now">The present.</param>
    /// <param name="calls">How many calls the pool has begun; may wrap.</param>
    public bool TryTake(long now, uint calls)
    {
        _tokens = Math.Min(Burst, _tokens + (_time.Until(_filledAt, now).TotalSeconds * PerSecond) + (unchecked(calls - _callsSeen) * PerCall));
        _filledAt = now;
        _callsSeen = calls;
        if (_tokens < 1)
        {
            return false;
        }

        _tokens--;
        return true;
    }

    /// <summary>When the next token is there, if no call comes before.</summary>
    public long NextAt(long now) => _tokens >= 1 ? now : _time.After(now, TimeSpan.FromSeconds((1 - _tokens) / PerSecond));
}
