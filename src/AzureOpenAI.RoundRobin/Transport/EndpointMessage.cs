using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>A request of a client that the pool built, and its answer; knows what the request is sent for.</summary>
internal sealed class EndpointMessage(PipelineRequest request) : PipelineMessage(request)
{
    // Not the scope itself: a user's operation may end before its request does, and the attempt object then serves another call.
    private IAnswerListener? _answers;
    private IStatusListener? _status;

    /// <summary>Where the attempt counts what comes of its stream; null where it does not.</summary>
    public StrongBox<long>? Received { get; private set; }

    /// <summary>The status of its answer, as soon as its head has come; 0 before.</summary>
    public int HeadStatus { get; private set; }

    /// <summary>The request leaves now.</summary>
    public void Sends()
    {
        if (RequestScope.Current is { } scope)
        {
            scope.Sends(this);
            (_answers, _status) = (scope.AnswerListener, scope.StatusListener);
            Received = BufferResponse ? null : scope.Received;
        }
    }

    /// <summary>The head of its answer has come.</summary>
    public void Answered(HttpResponseMessage answer)
    {
        HeadStatus = (int)answer.StatusCode;
        _answers?.Answered(answer.Headers);
        _status?.Answered((int)answer.StatusCode);
    }

    /// <summary>Lets no more through of the answer than this. One that names its length cannot be longer, and costs nothing.</summary>
    public void Bound(AnswerLimit limit, long? announced)
    {
        if (limit.EndsThere || Received is not null || !(announced <= limit.Most))
        {
            Response = new BoundedResponse(Response!, this, limit, announced ?? 0);
        }
    }
}
