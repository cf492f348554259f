using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// What is read of an attempt by those who look at all that run. One struct, so that it lies together: at ten thousands of calls in flight such a look takes as long as the memory takes, and
/// each attempt is one cache line or two of it.
/// </summary>
internal struct AttemptHead
{
    public Endpoint? Endpoint;
    public long StartedAt;
    public long PickedAt;
    public AttemptMarks Marks;
}
