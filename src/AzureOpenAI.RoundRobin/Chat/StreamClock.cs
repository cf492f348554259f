using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>How long a stream is waited for: for its first content, and for each next update.</summary>
internal static class StreamClock
{
    /// <summary>How long the end of a stream is waited for after the finish reason, where only the tokens come that it counted.</summary>
    private static readonly TimeSpan AfterFinish = TimeSpan.FromSeconds(5);

    /// <summary>The attempt begins. Where nothing limits the time to the first content, an answer that is there at once never looks at the clock.</summary>
    public static void Begin(AttemptLoop loop, Attempt attempt)
    {
        if (loop.Limits.FirstContentTimeout is not null)
        {
            attempt.StartedAt = loop.Balancer.Time.GetTimestamp();
        }
    }

    /// <summary>Starts the clock for the next update; not while the caller is busy with the last one.</summary>
    /// <param name="loop">Knows the limits.</param>
    /// <param name="attempt">The attempt that is waited for.</param>
    /// <param name="parts">What has come so far.</param>
    /// <param name="isWhole">Whether all of the answer has been passed on, so that nothing but its end is missing.</param>
    public static void Await(AttemptLoop loop, Attempt attempt, AnswerParts parts, bool isWhole)
    {
        long now = loop.Balancer.Time.GetTimestamp();
        TimeSpan limit = loop.Limits.AttemptTimeout;
        TimeSpan? most = LeftToContent(loop, attempt, parts, now);
        // A ready-made client may do more than one request for an answer, and be silent for longer in between.
        if (isWhole && attempt.Endpoint.IsSdkBacked && (limit == Timeout.InfiniteTimeSpan || AfterFinish < limit))
        {
            // Comments move the limit only: a stream that is kept alive after its answer is not waited for longer.
            (limit, most) = (AfterFinish, AfterFinish);
        }

        attempt.Sent(now);
        attempt.Await(now, limit, most);
    }

    /// <summary>An update has come. Those that come without a pause leave the timer no moment to fire in.</summary>
    /// <exception cref="TimeoutException">It is not the first content, and the time for that is over.</exception>
    public static void Check(AttemptLoop loop, Attempt attempt, AnswerParts parts)
    {
        if (loop.Limits.FirstContentTimeout is { } limit && LeftToContent(loop, attempt, parts, loop.Balancer.Time.GetTimestamp()) <= TimeSpan.Zero)
        {
            throw new TimeoutException(FormattableString.Invariant($"Endpoint '{attempt.Endpoint.Name}' sent no content within {limit.TotalSeconds:0.###} s."));
        }
    }

    /// <remarks>A tool call reaches the caller at its end, but has begun with its first piece.</remarks>
    private static TimeSpan? LeftToContent(AttemptLoop loop, Attempt attempt, AnswerParts parts, long now) =>
        (parts & (AnswerParts.Content | AnswerParts.Call)) == 0 ? loop.Limits.FirstContentTimeout - attempt.Took(now) : null;
}
