using System.Net.Http.Headers;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// Whether an endpoint says of itself that it is near its limit; then others of its tier are asked rather, while there are any. No more than that: a header
/// is a hint, and one that is never followed by a rejection is not believed for long.
/// </summary>
/// <remarks>Answers write what they hear without a lock, into one word; the last one stands. The rest is written under the dispatcher's lock.</remarks>
internal sealed class LimitHints(TimeProvider time, string? deployment) : IAnswerListener
{
    private const long Nothing = 0;
    private const long Fine = -1;

    /// <summary>So often in a row it may say that it is near its limit, have its rest, answer the next call, and say it again.</summary>
    private const int MostDoubts = 2;

    private readonly TimeProvider _time = time;
    private readonly string _spilledFrom = $"x-ms-spillover-from-{deployment}";
    private long _heard;
    private bool _hasRested;
    private int _doubts;
    private volatile bool _isNear;

    /// <summary>It says so, and is believed.</summary>
    public bool IsNear => _isNear;

    /// <summary>Until when; long.MaxValue while it is not. Whoever waits looks again at that moment, so one that is past would be looked at without end.</summary>
    public long NearUntil { get; private set; } = long.MaxValue;

    /// <summary>It says something else than what is known of it.</summary>
    public bool HasNews => Volatile.Read(ref _heard) is var heard && heard != Nothing && (heard > 0) != _isNear;

    /// <summary>Takes the headers of an answer.</summary>
    public void Answered(HttpResponseHeaders headers)
    {
        TimeSpan? near = LimitHeaders.NearFor(headers.NonValidated, Find, _spilledFrom);
        if (near is { } rest)
        {
            Volatile.Write(ref _heard, rest > TimeSpan.Zero ? Math.Max(1, _time.After(_time.GetTimestamp(), rest)) : Fine);
        }
    }

    /// <summary>Takes what was heard last.</summary>
    /// <returns>Whether it changes anything.</returns>
    public bool Apply(long now)
    {
        long heard = Interlocked.Exchange(ref _heard, Nothing);
        if (heard == Nothing)
        {
            return false;
        }

        if (heard == Fine)
        {
            (_doubts, _hasRested) = (0, false);
            return Set(false);
        }

        _doubts += _hasRested ? 1 : 0;
        _hasRested = false;
        bool isNear = _doubts < MostDoubts && heard > now;
        if (isNear)
        {
            NearUntil = heard;
        }

        return isNear && Set(true);
    }

    /// <summary>Its rest may be over.</summary>
    /// <returns>Whether it is.</returns>
    public bool Advance(long now)
    {
        _hasRested |= _isNear && NearUntil <= now;
        return _isNear && NearUntil <= now && Set(false);
    }

    /// <summary>A rejection: so there is something in what it says.</summary>
    public void Confirm() => (_doubts, _hasRested) = (0, false);

    private static bool Find(HttpHeadersNonValidated headers, string name, out string? value)
    {
        bool isThere = headers.TryGetValues(name, out HeaderStringValues values);
        value = isThere ? values.ToString() : null;
        return isThere;
    }

    private bool Set(bool isNear)
    {
        bool changed = _isNear != isNear;
        _isNear = isNear;
        NearUntil = isNear ? NearUntil : long.MaxValue;
        return changed;
    }
}
