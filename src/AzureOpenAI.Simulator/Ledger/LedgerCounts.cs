namespace AzureOpenAI.Simulator;

/// <summary>
/// How many attempts one resource has seen, by outcome. Immutable.
/// </summary>
public sealed class LedgerCounts
{
    private readonly long[] _byOutcome;

    internal LedgerCounts(long[] byOutcome) => _byOutcome = [.. byOutcome];

    /// <summary>Gets the number of all attempts.</summary>
    public long Attempts => _byOutcome.Sum();

    /// <summary>Gets the number of attempts that have not ended.</summary>
    public long InProgress => this[LedgerOutcome.InProgress];

    /// <summary>Gets the number of attempts that were answered in full.</summary>
    public long Answered => this[LedgerOutcome.Answered];

    /// <summary>Gets the number of attempts that a limit rejected.</summary>
    public long Throttled => this[LedgerOutcome.Throttled];

    /// <summary>Gets the number of attempts that ended in the given way.</summary>
    /// <param name="outcome">The outcome.</param>
    /// <returns>The number.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="outcome"/> is not a defined value.</exception>
    public long this[LedgerOutcome outcome] => (uint)outcome < (uint)_byOutcome.Length
        ? _byOutcome[(int)outcome]
        : throw new ArgumentOutOfRangeException(nameof(outcome), outcome, "Not an outcome.");
}
