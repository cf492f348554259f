namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>Notes the number of answers of an endpoint from time to time: an estimate of what it took before its first rejection, when its calls were not counted.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class AnswerNotes(TimeProvider time)
{
    /// <summary>The service's shortest window, so notes are not closer.</summary>
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(1);

    private (long At, long Answered) _last = (time.GetTimestamp(), 0);
    private (long At, long Answered)? _before;

    public void Note(long answered, long now)
    {
        if (time.GetElapsedTime(_last.At, now) >= Apart)
        {
            (_before, _last) = (_last, (now, answered));
        }
    }

    /// <summary>An estimate of the calls that it answered within the last <paramref name="span"/>: those since the last note, and what is left of the time at the pace before it.</summary>
    public double Within(TimeSpan span, long answered, long now)
    {
        (long at, long before) = _last;
        TimeSpan since = time.Until(at, now);
        if (since > span)
        {
            return (answered - before) * (span / since);
        }

        double earlier = _before is { } first ? (before - first.Answered) * Math.Min(1, (span - since) / time.Until(first.At, at)) : 0;
        return answered - before + earlier;
    }
}
