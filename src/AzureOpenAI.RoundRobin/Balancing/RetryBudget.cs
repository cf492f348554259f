namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// Bounds relocations, and the probes that cost a token by <see cref="ProbeSchedule"/>: a token bucket per pool of 10 tokens, refilled with 10 a second and one for every 5 calls.
/// </summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
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
    /// <param name="calls">The number of calls that the pool has begun; may wrap.</param>
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

    /// <summary>When the next token is available, if no call begins before.</summary>
    public long NextAt(long now) => _tokens >= 1 ? now : _time.After(now, TimeSpan.FromSeconds((1 - _tokens) / PerSecond));
}
