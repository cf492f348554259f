namespace AzureOpenAI.Simulator;

/// <summary>The rule of thumb for tokens, used for limits and for usage alike.</summary>
internal static class TokenEstimate
{
    public const int CharactersPerToken = 4;

    private const int DefaultAnswerTokens = 16;

    public static int FromCharacters(int characters) => (characters + CharactersPerToken - 1) / CharactersPerToken;

    public static int OfPrompt(ChatRequest request) => FromCharacters(request.PromptCharacters);

    public static int OfChat(ChatRequest request) =>
        OfPrompt(request) + (request.MaxTokens ?? DefaultAnswerTokens);
}
