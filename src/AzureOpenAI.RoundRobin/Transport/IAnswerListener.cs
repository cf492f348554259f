using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Reads the headers of an endpoint's answers. Called on any thread.</summary>
internal interface IAnswerListener
{
    void Answered(HttpResponseHeaders headers);
}
