namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>Notes the number of answers of an endpoint from time to time: an estimate of what it took before its first rejection, when its calls were not counted.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class AnswerNotes(TimeProvider time)
{
    /// <summary>The service's shortest window, so notes are not closer.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(1);

    private (long At, long Answered)? _last;

    public void Note(long answered, long now)
    {
        if (_last is not { } last || time.GetElapsedTime(last.At, now) >= Apart)
        {
            _last = (now, answered);
        }
    }

    /// <summary>An estimate of the calls that it answered within the last <paramref name="span"/>, by the pace since the last note.</summary>
    public double Within(TimeSpan span, long answered, long now)
    {
        (long at, long before) = _last ?? (now, 0);
        TimeSpan since = time.Until(at, now);
        return (answered - before) * (since <= span ? 1 : span / since);
    }
}
