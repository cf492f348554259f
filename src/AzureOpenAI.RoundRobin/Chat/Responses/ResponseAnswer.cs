#pragma warning disable OPENAI001 // The SDK calls Responses experimental; none of its types is in this library's own public API.
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>Reads from the status of a whole answer of the Responses API what the SDK's adapter leaves out: whether it is one, and why it ended.</summary>
internal static class ResponseAnswer
{
    public static bool Is(ChatResponse? answer) => answer is { RawRepresentation: ResponseResult };

    /// <summary>Sets the finish reason of an answer that has ended. One that a job still works on has none.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="isJob">Whether the caller asked what became of a job.</param>
    /// <returns>Whether the answer is one of the Responses API, and good.</returns>
    /// <exception cref="Transport.InBandErrorException">The response failed.</exception>
    public static bool Check(ChatResponse answer, bool isJob)
    {
        if (answer.RawRepresentation is not ResponseResult response)
        {
            return false;
        }

        if (response.Status == ResponseStatus.Failed)
        {
            throw ResponseFailure.Of(response, isJob);
        }

        answer.FinishReason ??= response.Status is null or ResponseStatus.Completed or ResponseStatus.Incomplete ? FinishOf(response, HasCalls(answer)) : null;
        return true;
    }

    /// <summary>Why a response ended that did not fail.</summary>
    public static ChatFinishReason FinishOf(ResponseResult? response, bool hasCalls) => response?.IncompleteStatusDetails?.Reason?.ToString() switch
    {
        null or "" => hasCalls ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop,
        "max_output_tokens" => ChatFinishReason.Length,
        "content_filter" => ChatFinishReason.ContentFilter,
        { } reason => new ChatFinishReason(reason),
    };

    private static bool HasCalls(ChatResponse answer)
    {
        foreach (ChatMessage message in answer.Messages)
        {
            foreach (AIContent content in message.Contents)
            {
                if (content is FunctionCallContent { InformationalOnly: false })
                {
                    return true;
                }
            }
        }

        return false;
    }
}
