using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>The tokens of one answer, as its client reports them; none where it does not.</summary>
/// <param name="Input">Those of the prompt, cached ones included.</param>
/// <param name="Output">Those of the answer.</param>
/// <param name="CachedInput">Those of the prompt that the service had seen before.</param>
internal readonly record struct TokenCounts(long Input, long Output, long CachedInput)
{
    /// <summary>What an answer's time grows with: its own length; or its input's, where it has none to count, as embeddings.</summary>
    public long Length => Output > 0 ? Output : Input;

    public bool IsEmpty => (Input | Output | CachedInput) == 0;

    public static TokenCounts Of(UsageDetails usage) =>
        new(Positive(usage.InputTokenCount), Positive(usage.OutputTokenCount), Positive(usage.CachedInputTokenCount));

    /// <summary>
    /// Takes a stream's next report. Reports add up, as they do in Microsoft.Extensions.AI; but one that repeats the prompt of the last, with no less of an
    /// answer, is the same one grown: some servers send it with every chunk.
    /// </summary>
    public TokenCounts Then(in TokenCounts next) =>
        next.Input > 0 && next.Input == Input && next.Output >= Output
            ? next
            : new(Input + next.Input, Output + next.Output, CachedInput + next.CachedInput);

    private static long Positive(long? count) => Math.Max(count ?? 0, 0);
}
