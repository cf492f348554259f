namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>How many calls an endpoint had answered when, noted now and then: what it took before a rejection out of the blue, when nobody counted.</summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class AnswerNotes(TimeProvider time)
{
    /// <summary>The shortest window is a second, so closer notes would tell less of it.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(1);

    private (long At, long Answered)? _last;

    public void Note(long answered, long now)
    {
        if (_last is not { } last || time.GetElapsedTime(last.At, now) >= Apart)
        {
            _last = (now, answered);
        }
    }

    /// <summary>About how many calls it answered within the last <paramref name="span"/>, by the pace since the last note.</summary>
    public double Within(TimeSpan span, long answered, long now)
    {
        (long at, long before) = _last ?? (now, 0);
        TimeSpan since = time.Until(at, now);
        return (answered - before) * (since <= span ? 1 : span / since);
    }
}
