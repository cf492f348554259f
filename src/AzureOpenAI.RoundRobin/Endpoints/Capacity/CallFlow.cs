namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>What calls are expected soon, from the time between the last ones, and with how many tokens.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class CallFlow(TimeProvider time)
{
    /// <summary>The part of the last call in what is expected of the next.</summary>
    private const double Weight = 0.2;

    private static readonly TimeSpan LongestGap = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestGap = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(100);

    private TimeSpan _gap = LongestGap;
    private long _last = long.MinValue;

    /// <summary>How many calls are expected within 100 ms.</summary>
    public int SoonToCome => (int)(Soon / Timestamps.Max(_gap, ShortestGap));

    /// <summary>The tokens of one of them; 0 where none had an estimate.</summary>
    public long Tokens { get; private set; }

    public void Took(long tokens, long now)
    {
        TimeSpan gap = _last == long.MinValue ? LongestGap : Timestamps.Min(time.Until(_last, now), LongestGap);
        (_gap, _last) = (((1 - Weight) * _gap) + (Weight * gap), now);
        Tokens = tokens == 0 ? Tokens : Tokens == 0 ? tokens : (long)(((1 - Weight) * Tokens) + (Weight * tokens));
    }
}
