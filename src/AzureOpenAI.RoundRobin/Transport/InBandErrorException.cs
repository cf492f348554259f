using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics.CodeAnalysis;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The service has reported an error inside an answer of status 200. Its status is the error's, and so is its response.</summary>
internal sealed class InBandErrorException : ClientResultException
{
    private InBandErrorException(string message, PipelineResponse response)
        : base(message, response)
    {
    }

    /// <param name="error">What the service has said.</param>
    /// <param name="request">What it was said to; its key does not belong in a text.</param>
    /// <param name="answer">What it was said in.</param>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The exception carries the response, as the SDK's own exceptions do.")]
    public static InBandErrorException Of(InBandError error, PipelineRequest? request, PipelineResponse? answer)
    {
        InBandError said = error with
        {
            Type = error.Type is null ? null : ErrorBody.WithoutKey(request, error.Type),
            Code = error.Code is null ? null : ErrorBody.WithoutKey(request, error.Code),
            Message = ErrorBody.WithoutKey(request, error.Message),
        };
        string named = string.Join(", ", new[] { said.Type is { } type ? $"type {type}" : null, said.Code is { } code ? $"code {code}" : null }.OfType<string>());
        return new($"The service answered with status 200 and an error{(named.Length > 0 ? $" ({named})" : "")}: {said.Message}", new InBandResponse(said, answer));
    }
}
