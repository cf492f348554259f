namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The calls a second that a deployment admitted lately: over the last second, or as long as 20 calls take. Older calls count less and less.</summary>
/// <remarks>It includes pauses and idle times, so it is never above the limit for long, and may be far below it. Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class AdmittedRate(TimeProvider time)
{
    private const double LeastSeconds = 1;
    private const double LeastCalls = 20;

    private readonly TimeProvider _time = time;
    private double _calls;
    private double _seconds = LeastSeconds;
    private long _at;

    public double PerSecond => _calls / _seconds;

    /// <summary>Begins with a rate that is known from elsewhere.</summary>
    public void Begin(double perSecond, long now)
    {
        _seconds = Math.Max(LeastSeconds, LeastCalls / perSecond);
        (_calls, _at) = (perSecond * _seconds, now);
    }

    /// <summary>A call was sent.</summary>
    public void Sent(long now) => Add(1, now);

    /// <summary>A call that was sent is rejected.</summary>
    public void Rejected(long now) => Add(-1, now);

    private void Add(int calls, long now)
    {
        _calls = Math.Max(0, (_calls * Math.Exp(-_time.Until(_at, now).TotalSeconds / _seconds)) + calls);
        _at = now;
    }
}
