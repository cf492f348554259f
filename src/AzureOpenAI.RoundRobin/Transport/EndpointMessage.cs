using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>A request of an SDK-backed client, and its answer, with the listeners of the attempt that it belongs to.</summary>
internal sealed class EndpointMessage(PipelineRequest request) : PipelineMessage(request)
{
    // The listeners and not the scope: a user's operation may end before its request does, and its attempt object may then serve another call.
    private IAnswerListener? _answers;
    private IStatusListener? _status;

    /// <summary>Where the attempt counts what comes of its stream; null where it does not.</summary>
    public ReceivedBytes? Received { get; private set; }

    /// <summary>The status of its answer, as soon as its head has come; 0 before.</summary>
    public int HeadStatus { get; private set; }

    /// <summary>The request leaves now.</summary>
    public void Sends()
    {
        if (RequestScope.Current is { } scope)
        {
            scope.Sends(this);
            (_answers, _status) = (scope.AnswerListener, scope.StatusListener);
            _status?.Sent(Request.Uri);
            Received = BufferResponse ? null : scope.Received;
        }
    }

    /// <summary>The headers of its answer have come.</summary>
    public void Answered(HttpResponseMessage answer)
    {
        HeadStatus = (int)answer.StatusCode;
        Received?.Came(0);
        _answers?.Answered(answer.Headers, answer.IsSuccessStatusCode);
        _status?.Answered((int)answer.StatusCode);
    }

    /// <summary>Lets no more through of the answer than this.</summary>
    public void Bound(AnswerLimit limit, long? announced) => Response = new BoundedResponse(Response!, this, limit, announced);
}
