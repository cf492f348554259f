using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>How long a call may wait for its answer before its age alone speaks against its endpoint: longer than any recent answer can explain.</summary>
/// <remarks>Safe for concurrent use. Each call that begins to wait reads <see cref="Limit"/>, and its own timer tells of it: no call is looked for.</remarks>
internal sealed class AgeWatch
{
    /// <summary>
    /// An answer is at most this many times as long as the longest of the last 128. Of answers whose durations are lognormal with a sigma of 1, as those of chat models are, about
    /// 20 in a million are longer.
    /// </summary>
    private const int Factor = 5;

    /// <summary>With fewer answers their longest says little.</summary>
    private const int LeastAnswers = 64;

    /// <summary>A pause of our own process may make a call this old.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);

    private Func<Attempt, TimeSpan>? _judge;

    /// <summary>The durations of the pool's answers.</summary>
    public RecentLongest Longest { get; } = new();

    /// <summary>The age from which a call is judged; null while too few answers are known.</summary>
    public TimeSpan? Limit => Longest.Count is >= 0 and < LeastAnswers ? null : Timestamps.Max(Factor * Longest.Current, Shortest);

    /// <summary>Says who judges a call that has reached the limit. He returns the time until it is judged again.</summary>
    public void JudgeBy(Func<Attempt, TimeSpan> judge) => _judge = judge;

    /// <summary>The call has reached the limit. Not under a lock.</summary>
    /// <returns>The time until it is judged again.</returns>
    public TimeSpan Judge(Attempt aged) => _judge?.Invoke(aged) ?? Timeout.InfiniteTimeSpan;
}
