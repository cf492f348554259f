namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>How the plain client and a pool of one fare with the same fault, and in an ordinary call after it.</summary>
/// <param name="Fault">What the server does.</param>
/// <param name="Times">How many times it does so.</param>
/// <param name="IsFresh">It has answered nothing before.</param>
/// <param name="Streaming">By a stream, not by a call.</param>
/// <param name="IsV1">On the v1 route, not on the classic one.</param>
/// <param name="Plain">What the plain client's caller got.</param>
/// <param name="Ours">What the pool's caller got.</param>
/// <param name="PlainNext">What the plain client's caller got of the next call.</param>
/// <param name="OursNext">What the pool's caller got of the next call.</param>
internal sealed record PlainRow(WireFault Fault, int Times, bool IsFresh, bool Streaming, bool IsV1, CallEnd Plain, CallEnd Ours, CallEnd PlainNext, CallEnd OursNext)
{
    public const int Always = int.MaxValue;

    /// <summary>In what the pool is worse; null if in nothing.</summary>
    public string? Worse
    {
        get
        {
            bool plainEnds = Plain.Failure is null, oursEnds = Ours.Failure is null;
            return Plain.IsAnswered && !Ours.IsAnswered ? "only plain is answered"
                : PlainNext.IsAnswered && !OursNext.IsAnswered ? "the next call"
                : !plainEnds && oursEnds && !Ours.IsAnswered ? "passes for whole what plain reports as broken"
                : plainEnds && oursEnds && Plain.Text != Ours.Text && !Ours.IsAnswered ? "another answer"
                : plainEnds && !oursEnds && Fault.IsWhole ? "reports a whole answer as broken"
                : Plain.Status > 0 && Plain.Status != Ours.Status && !Ours.IsAnswered ? "the status is lost"
                : null;
        }
    }

    public override string ToString() =>
        $"{(Worse is { } worse ? $"WORSE, {worse}: " : Ours.IsAnswered && !Plain.IsAnswered ? "better: " : "")}{Fault} {(Times == Always ? "always" : $"{Times} times")}{(IsFresh ? " from the first" : "")}, "
        + $"{(IsV1 ? "v1" : "classic")} {(Streaming ? "stream" : "call")}: plain {Plain}, ours {Ours}; next: plain {PlainNext}, ours {OursNext}";
}
