#pragma warning disable OPENAI001 // The SDK calls Responses experimental; none of its types is in this library's own public API.
using AzureOpenAI.RoundRobin.Transport;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Chat.Responses;

/// <summary>The exception of an error that the Responses API reports inside an answer, classified by its code.</summary>
internal static class ResponseFailure
{
    /// <param name="response">A response whose status is failed.</param>
    /// <param name="isJob">
    /// The caller asks what became of a job that was begun before. That it failed is the answer to that: no other endpoint knows it, and this one did nothing wrong just now.
    /// </param>
    public static InBandErrorException Of(ResponseResult? response, bool isJob)
    {
        string? code = response?.Error?.Code.ToString() is { Length: > 0 } named ? named : null;
        string message = response?.Error?.Message ?? "The response failed.";
        return InBandErrorException.Of(new InBandError(isJob ? 400 : InBandStatus.OfResponse(code), Type: null, code, message), null, null);
    }

    public static InBandErrorException Of(StreamingResponseErrorUpdate error)
    {
        string? code = error.Code is { Length: > 0 } named ? named : null;
        return InBandErrorException.Of(new InBandError(InBandStatus.Of(code, null, null, null), Type: null, code, error.Message ?? "The stream reported an error."), null, null);
    }
}
