using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>The tokens of one answer, as its client reports them; zero where it does not.</summary>
/// <param name="Input">The tokens of the prompt, including cached ones.</param>
/// <param name="Output">The tokens of the answer.</param>
/// <param name="CachedInput">The tokens of the prompt that came from the service's cache.</param>
internal readonly record struct TokenCounts(long Input, long Output, long CachedInput)
{
    /// <summary>The tokens by which durations are compared: the output's, or the input's where there is no output, as for embeddings.</summary>
    public long Length => Output > 0 ? Output : Input;

    public bool IsEmpty => (Input | Output | CachedInput) == 0;

    public static TokenCounts Of(UsageDetails usage) =>
        new(Positive(usage.InputTokenCount), Positive(usage.OutputTokenCount), Positive(usage.CachedInputTokenCount));

    /// <summary>
    /// Adds a stream's next report. Reports add up, as in Microsoft.Extensions.AI; but a report with the same input as the last, and no smaller output, replaces it: some servers
    /// send a running total with every chunk.
    /// </summary>
    public TokenCounts Then(in TokenCounts next) =>
        next.Input > 0 && next.Input == Input && next.Output >= Output
            ? next
            : new(Input + next.Input, Output + next.Output, CachedInput + next.CachedInput);

    private static long Positive(long? count) => Math.Max(count ?? 0, 0);
}
