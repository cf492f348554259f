using System.ClientModel.Primitives;
using System.Globalization;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// The transport of every SDK-backed client. It notifies the attempt of its request and its answer, limits the length of answers, and rejects an answer that came from another
/// address.
/// </summary>
/// <remarks>It uses hooks of the transport: a policy of the pipeline would cost each call two state machines.</remarks>
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

        // The error of a stream is not buffered by the SDK; it is here, so that it can be cleaned of keys.
        message.BufferResponse |= ErrorBody.Is(response);
    }

    /// <summary>
    /// An <see cref="HttpClient"/> that the user gave may follow redirects, which cannot be prevented here. An answer from another address is rejected: the endpoint is ejected as
    /// misconfigured, and the log says why.
    /// </summary>
    private static void RejectRedirected(PipelineMessage message, HttpResponseMessage httpResponse)
    {
        if (message.Request.Uri is { } asked && httpResponse.RequestMessage?.RequestUri is { } answered && asked != answered
            && Uri.Compare(asked, answered, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
        {
            throw new RedirectFollowedException();
        }
    }

    /// <summary>The limit of an answer; null for one that is neither buffered nor a stream of events, such as a file, since none of it is held in memory.</summary>
    private static AnswerLimit? LimitOf(PipelineMessage message, PipelineResponse response) =>
        ErrorBody.Is(response) ? AnswerLimit.Error
        : message.BufferResponse ? AnswerLimit.Whole
        : message.Request.Method != "POST" ? null
        : response.Status == 200 ? AnswerLimit.Event
        : AnswerLimit.Whole;

    private static long? LengthOf(PipelineResponse response) =>
        response.Headers.TryGetValue("Content-Length", out string? text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long length) ? length : null;
}
