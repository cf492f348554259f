using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>What a caller got: an answer, whole or not, or an exception.</summary>
internal sealed record Reply(ChatResponse? Response, Exception? Failure)
{
    public string Text => Response?.Text ?? "";

    public string? ConversationId => Response?.ConversationId;

    /// <summary>An answer without an exception that is not the whole one.</summary>
    public bool IsSilentlyWrong(string expected) => Failure is null && Text != expected;
}
