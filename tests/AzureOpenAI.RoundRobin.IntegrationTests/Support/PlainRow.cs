namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>A fault that the plain client and a pool of one are given.</summary>
/// <param name="Fault">What the server does.</param>
/// <param name="Times">How many times it does so.</param>
/// <param name="IsFresh">It has answered nothing before.</param>
/// <param name="Streaming">By a stream, not by a call.</param>
/// <param name="IsV1">On the v1 route, not on the classic one.</param>
internal readonly record struct PlainCase(WireFault Fault, int Times, bool IsFresh, bool Streaming, bool IsV1)
{
    public const int Always = int.MaxValue;

    public override string ToString() =>
        $"{Fault} {(Times == Always ? "always" : $"{Times} times")}{(IsFresh ? " from the first" : "")}, {(IsV1 ? "v1" : "classic")} {(Streaming ? "stream" : "call")}";
}

/// <summary>How the plain client and a pool of one fare with the same fault, and in an ordinary call after it.</summary>
/// <param name="Case">What they were given.</param>
/// <param name="Ours">What the pool's caller got, of that call and of the next.</param>
/// <param name="Plain">What the plain client's caller got.</param>
internal sealed record PlainRow(PlainCase Case, (CallEnd End, CallEnd Next) Ours, (CallEnd End, CallEnd Next) Plain)
{
    /// <summary>In what the pool is worse; null if in nothing.</summary>
    public string? Worse
    {
        get
        {
            (CallEnd ours, CallEnd plain) = (Ours.End, Plain.End);
            bool plainEnds = plain.Failure is null, oursEnds = ours.Failure is null;
            return plain.IsAnswered && !ours.IsAnswered ? "only plain is answered"
                : Plain.Next.IsAnswered && !Ours.Next.IsAnswered ? "the next call"
                : !plainEnds && oursEnds && !ours.IsAnswered ? "passes for whole what plain reports as broken"
                : plainEnds && oursEnds && plain.Text != ours.Text && !ours.IsAnswered ? "another answer"
                : plainEnds && !oursEnds && Case.Fault.IsWhole ? "reports a whole answer as broken"
                : plain.Status > 0 && plain.Status != ours.Status && !ours.IsAnswered ? "the status is lost"
                : null;
        }
    }

    public override string ToString() =>
        $"{(Worse is { } worse ? $"WORSE, {worse}: " : Ours.End.IsAnswered && !Plain.End.IsAnswered ? "better: " : "")}{Case}: plain {Plain.End}, ours {Ours.End}; next: plain {Plain.Next}, ours {Ours.Next}";
}
