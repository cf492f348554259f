using System.ClientModel.Primitives;
using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// The transport of every client that the pool builds, and the one place through which its requests leave and answers come: the attempt hears of both, no
/// more of an answer is let through than an answer can be, and none that came from another address.
/// </summary>
/// <remarks>Hooks of the transport and not policies of the pipeline, each of which would cost a call two state machines.</remarks>
internal sealed class EndpointTransport(HttpClient client) : HttpClientPipelineTransport(client)
{
    protected override PipelineMessage CreateMessageCore() => new EndpointMessage(base.CreateMessageCore().Request);

    protected override void OnSendingRequest(PipelineMessage message, HttpRequestMessage httpRequest) => ((EndpointMessage)message).Sends();

    protected override void OnReceivedResponse(PipelineMessage message, HttpResponseMessage httpResponse)
    {
        RejectRedirected(message, httpResponse);
        EndpointMessage received = (EndpointMessage)message;
        received.Answered(httpResponse);

        PipelineResponse response = message.Response!;
        if (LimitOf(message, response) is { } limit)
        {
            received.Bound(limit, LengthOf(response));
        }

        // An error is read here where nobody else would, so that it can be cleaned.
        message.BufferResponse |= ErrorBody.Is(response);
    }

    /// <summary>
    /// A client that somebody else made may follow redirects. It cannot be kept from doing so, but an answer that came from another address is not taken: the
    /// endpoint rests as misconfigured, and the log says why.
    /// </summary>
    private static void RejectRedirected(PipelineMessage message, HttpResponseMessage httpResponse)
    {
        if (message.Request.Uri is { } asked && httpResponse.RequestMessage?.RequestUri is { } answered
            && Uri.Compare(asked, answered, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
        {
            throw new RedirectFollowedException();
        }
    }

    /// <summary>What is fetched piece by piece and not as events, such as a file, is held by nobody.</summary>
    private static AnswerLimit? LimitOf(PipelineMessage message, PipelineResponse response) =>
        ErrorBody.Is(response) ? AnswerLimit.Error
        : message.BufferResponse ? AnswerLimit.Whole
        : message.Request.Method != "POST" ? null
        : response.Status == 200 ? AnswerLimit.Event
        : AnswerLimit.Whole;

    private static long? LengthOf(PipelineResponse response) =>
        response.Headers.TryGetValue("Content-Length", out string? text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long length) ? length : null;
}
