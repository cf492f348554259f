using System.ClientModel.Primitives;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>A request of a client that the pool built, and its answer; knows the attempt that it is sent for.</summary>
internal sealed class EndpointMessage(PipelineRequest request) : PipelineMessage(request)
{
    // Not the attempt itself: a user's operation may end before its request does, and the attempt is another's by then.
    private Endpoint? _endpoint;
    private AttemptTrace? _trace;

    /// <summary>Where the attempt counts what comes of its stream; null where it does not.</summary>
    public StrongBox<long>? Received { get; private set; }

    /// <summary>The request leaves now.</summary>
    public void Sends()
    {
        if (RunningAttempt.Current is { } attempt)
        {
            attempt.IsSent = true;
            (_endpoint, _trace) = (attempt.Endpoint, attempt.Trace);
            Received = BufferResponse ? null : attempt.Received;
        }
    }

    /// <summary>The head of its answer has come.</summary>
    public void Answered(HttpResponseMessage answer)
    {
        _endpoint?.Hints.Hear(answer.Headers);
        _trace?.Answered((int)answer.StatusCode);
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
