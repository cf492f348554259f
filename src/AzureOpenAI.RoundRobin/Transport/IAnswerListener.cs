using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Reads the headers of an endpoint's answers. Called on any thread.</summary>
internal interface IAnswerListener
{
    /// <param name="headers">The headers.</param>
    /// <param name="isSuccess">Whether the status is one of success.</param>
    void Answered(HttpResponseHeaders headers, bool isSuccess = true);
}
