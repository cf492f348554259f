using System.ClientModel.Primitives;
using AzureOpenAI.RoundRobin.Attempts;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// The transport over a client that somebody else made, which may follow redirects. It cannot be kept from doing so, but an answer that came from another
/// address is not taken: the endpoint rests as misconfigured, and the log says why.
/// </summary>
internal sealed class SameAddressTransport(HttpClient client) : HttpClientPipelineTransport(client)
{
    protected override void OnReceivedResponse(PipelineMessage message, HttpResponseMessage httpResponse)
    {
        if (message.Request.Uri is { } asked && httpResponse.RequestMessage?.RequestUri is { } answered
            && Uri.Compare(asked, answered, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
        {
            throw new RedirectFollowedException();
        }
    }
}
