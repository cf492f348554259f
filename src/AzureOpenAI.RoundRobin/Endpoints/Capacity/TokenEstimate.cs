namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>An estimate of the tokens that a limit is charged for a call, as the service estimates them on arrival: the prompt, and the maximum output.</summary>
/// <param name="Prompt">The tokens of the prompt; 0 where they are not counted.</param>
/// <param name="Output">The maximum output that the call itself sets.</param>
internal readonly record struct TokenEstimate(long Prompt, int? Output)
{
    /// <summary>The output that the service charges for a call without a maximum.</summary>
    private const int OutputNotNamed = 16;

    public bool IsCharged => Prompt > 0;

    /// <param name="configured">The endpoint's configured maximum output, for a call that sets none.</param>
    public long At(int? configured) => IsCharged ? Prompt + (Output ?? configured ?? OutputNotNamed) : 0;
}
