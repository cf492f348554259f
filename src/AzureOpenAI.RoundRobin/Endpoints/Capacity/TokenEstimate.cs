namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>About what a token limit is charged for a call, as the service reckons on arrival: the prompt, and the output that is asked for.</summary>
/// <param name="Prompt">The prompt's; 0 where nobody counts.</param>
/// <param name="Output">The output that the call itself asks for at most.</param>
internal readonly record struct TokenEstimate(long Prompt, int? Output)
{
    /// <summary>What the service charges a call that names no limit for its output.</summary>
    private const int OutputNotNamed = 16;

    public bool IsCharged => Prompt > 0;

    /// <param name="configured">The most output that the endpoint's configuration asks for where the call names no limit.</param>
    public long At(int? configured) => IsCharged ? Prompt + (Output ?? configured ?? OutputNotNamed) : 0;
}
