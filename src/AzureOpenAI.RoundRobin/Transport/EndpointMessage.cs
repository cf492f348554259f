using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>A request of a client that the pool built, and its answer; knows what the request is sent for.</summary>
internal sealed class EndpointMessage(PipelineRequest request) : PipelineMessage(request)
{
    // Not the scope itself: a user's operation may end before its request does, and the attempt object then serves another call.
    private IAnswerListener? _answers;
    private IStatusListener? _status;

    /// <summary>Where the attempt counts what comes of its stream; null where it does not.</summary>
    public ReceivedBytes? Received { get; private set; }

    /// <summary>The request leaves now.</summary>
    public void Sends()
    {
        if (RequestScope.Current is { } scope)
        {
            scope.Sends();
            (_answers, _status) = (scope.AnswerListener, scope.StatusListener);
            Received = BufferResponse ? null : scope.Received;
        }
    }

    /// <summary>The head of its answer has come.</summary>
    public void Answered(HttpResponseMessage answer)
    {
        Received?.Came(0);
        _answers?.Answered(answer.Headers);
        _status?.Answered((int)answer.StatusCode);
    }

    /// <summary>Lets no more through of the answer than this.</summary>
    public void Bound(AnswerLimit limit, long? announced) => Response = new BoundedResponse(Response!, this, limit, announced);
}
