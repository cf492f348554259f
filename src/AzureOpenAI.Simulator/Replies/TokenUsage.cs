namespace AzureOpenAI.Simulator;

/// <summary>
/// The tokens that an answer reports. Immutable.
/// </summary>
/// <param name="promptTokens">The tokens of the prompt.</param>
/// <param name="completionTokens">The tokens of the answer.</param>
public sealed class TokenUsage(int promptTokens, int completionTokens)
{
    /// <summary>Gets the tokens of the prompt.</summary>
    public int PromptTokens { get; } = promptTokens;

    /// <summary>Gets the tokens of the answer.</summary>
    public int CompletionTokens { get; } = completionTokens;

    /// <summary>Gets the tokens of the prompt that were served from the cache.</summary>
    /// <value>The default is 0.</value>
    public int CachedTokens { get; init; }

    /// <summary>Gets the tokens of the answer that were spent on reasoning.</summary>
    /// <value>The default is 0.</value>
    public int ReasoningTokens { get; init; }

    /// <summary>What a provisioned deployment spent on the call: cached tokens cost it nothing.</summary>
    internal int Work => Math.Max(0, PromptTokens - CachedTokens) + CompletionTokens;
}
