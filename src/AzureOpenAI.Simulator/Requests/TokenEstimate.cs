namespace AzureOpenAI.Simulator;

/// <summary>The rule of thumb for tokens, used for limits and for usage alike.</summary>
internal static class TokenEstimate
{
    private const int DefaultAnswerTokens = 16;

    public static int FromCharacters(int characters) => (characters + 3) / 4;

    public static int OfChat(ChatRequest request) =>
        FromCharacters(request.PromptCharacters) + (request.MaxTokens ?? DefaultAnswerTokens);
}
