using System.Net.Http.Headers;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>
/// Whether an endpoint's headers say that it is near its limit. Then it takes no turns while others of its priority are available. A header is a hint only: after two warnings
/// that no rejection follows it is ignored.
/// </summary>
/// <remarks>Answers write their headers into one word without a lock; the last write wins. All else is written under the balancer's lock.</remarks>
internal sealed class LimitHints(TimeProvider time, string? deployment) : IAnswerListener
{
    private const long Nothing = 0;
    private const long Fine = -1;

    /// <summary>Warnings in a row without a rejection after which the header is ignored.</summary>
    private const int MostDoubts = 2;

    /// <summary>Resets are given in whole seconds.</summary>
    private static readonly TimeSpan Rounding = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time = time;
    private readonly string _spilledFrom = $"x-ms-spillover-from-{deployment}";
    private long _heard;
    private bool _hasRested;
    private int _doubts;
    private volatile bool _isNear;
    private long _spentUntil = long.MinValue;
    private int _contradictions;

    /// <summary>The header says that it is near its limit, and is not ignored.</summary>
    public bool IsNear => _isNear;

    /// <summary>
    /// Until when it is near its limit; long.MaxValue while it is not. Never in the past after <see cref="Advance"/>: the balancer settles at this time, and would do so without
    /// end.
    /// </summary>
    public long NearUntil { get; private set; } = long.MaxValue;

    /// <summary>The number of times that <see cref="IsNear"/> has changed; wraps.</summary>
    public uint Version { get; private set; }

    /// <summary>A header has come that differs from the present state.</summary>
    public bool HasNews => Volatile.Read(ref _heard) is var heard && heard != Nothing && (heard > 0) != _isNear;

    /// <summary>
    /// Answers have come that said that a counter is at 0, before the reset that one before them had stated. So the counter is wrong, or of a bucket that fills drop by drop: its
    /// reset is no time before which calls are rejected.
    /// </summary>
    public bool ResetIsNoPause => Volatile.Read(ref _contradictions) >= MostDoubts;

    /// <summary>Takes the headers of an answer.</summary>
    public void Answered(HttpResponseHeaders headers, bool isSuccess = true)
    {
        TimeSpan? near = LimitHeaders.NearFor(headers.NonValidated, _spilledFrom);
        if (isSuccess && near > TimeSpan.Zero)
        {
            NoteSpent(headers);
        }

        if (near > TimeSpan.Zero)
        {
            Volatile.Write(ref _heard, Math.Max(1, _time.After(_time.GetTimestamp(), near.Value)));
        }
        else if (near is not null && Volatile.Read(ref _heard) != Fine)
        {
            // Nearly all answers say the same: those on other threads are not made to read it anew.
            Volatile.Write(ref _heard, Fine);
        }
    }

    /// <summary>Applies the last header.</summary>
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

    /// <summary>Ends the warning, if its time is over.</summary>
    /// <returns>Whether it has ended.</returns>
    public bool Advance(long now)
    {
        _hasRested |= _isNear && NearUntil <= now;
        return _isNear && NearUntil <= now && Set(false);
    }

    /// <summary>A rejection confirms the warnings.</summary>
    public void Confirm() => (_doubts, _hasRested) = (0, false);

    /// <summary>Only the last call before a reset is answered with a counter at 0. A race between two answers loses one of them.</summary>
    private void NoteSpent(HttpResponseHeaders headers)
    {
        DateTimeOffset utcNow = _time.GetUtcNow();
        if (LimitReset.Parse(name => headers.NonValidated.TryGetValues(name, out HeaderStringValues values) ? values : null, utcNow) is not { } reset)
        {
            return;
        }

        long now = _time.GetTimestamp();
        if (_time.Until(now, Volatile.Read(ref _spentUntil)) > Rounding)
        {
            Interlocked.Increment(ref _contradictions);
        }

        Volatile.Write(ref _spentUntil, _time.After(now, reset));
    }

    private bool Set(bool isNear)
    {
        bool changed = _isNear != isNear;
        Version += changed ? 1u : 0u;
        _isNear = isNear;
        NearUntil = isNear ? NearUntil : long.MaxValue;
        return changed;
    }
}
