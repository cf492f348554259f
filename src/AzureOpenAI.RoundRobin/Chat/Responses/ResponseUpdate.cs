#pragma warning disable OPENAI001 // The SDK calls Responses experimental; none of its types is in this library's own public API.
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>Reads from the events of a stream of the Responses API what the SDK's adapter leaves out: its errors, and why it ended.</summary>
internal static class ResponseUpdate
{
    /// <summary>Looks at an update before anything else does, and sets its finish reason if it is the last of its response.</summary>
    /// <param name="update">The update.</param>
    /// <param name="parts">What has come so far.</param>
    /// <param name="isJob">Whether the caller goes on with a job.</param>
    /// <returns>What has come, the update not counted.</returns>
    /// <exception cref="Transport.InBandErrorException">The service reports an error, or that the response failed.</exception>
    public static AnswerParts Check(ChatResponseUpdate update, AnswerParts parts, bool isJob)
    {
        if (update.RawRepresentation is not StreamingResponseUpdate raw)
        {
            return parts;
        }

        switch (raw)
        {
            case StreamingResponseErrorUpdate error:
                throw ResponseFailure.Of(error);
            case StreamingResponseFailedUpdate failed:
                throw ResponseFailure.Of(failed.Response, isJob);
            case StreamingResponseCreatedUpdate:
                // A client that calls the tools itself begins the next response in the same stream.
                parts &= ~(AnswerParts.Finish | AnswerParts.Last);
                break;
            case StreamingResponseCompletedUpdate completed:
                update.FinishReason ??= FinishOf(completed.Response, parts);
                break;
            case StreamingResponseIncompleteUpdate incomplete:
                update.FinishReason ??= FinishOf(incomplete.Response, parts);
                break;
        }

        return parts | AnswerParts.OfResponses;
    }

    private static ChatFinishReason FinishOf(ResponseResult? response, AnswerParts parts) => ResponseAnswer.FinishOf(response, (parts & AnswerParts.Call) != 0);
}
