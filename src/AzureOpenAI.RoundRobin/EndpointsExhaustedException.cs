using System.ClientModel;
using System.ClientModel.Primitives;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// The exception that is thrown when a call found no endpoint that could answer it, after more than one attempt or without any.
/// </summary>
/// <remarks>
/// A call whose only attempt failed throws the SDK's own exception instead. <see cref="ClientResultException.Status"/> and
/// <see cref="ClientResultException.GetRawResponse"/> belong to one attempt: the 429 with the soonest time, else the last with
/// an HTTP status; where none has one, the status is 0 and there is no response.
/// </remarks>
public class EndpointsExhaustedException : ClientResultException
{
    /// <summary>Initializes a new instance of the <see cref="EndpointsExhaustedException"/> class.</summary>
    /// <param name="message">What happened, without keys.</param>
    /// <param name="attempts">The failed attempts, in order; for a call that made none, the last failure of each endpoint.</param>
    /// <param name="retryAfter">When an endpoint is expected to take calls again, from now.</param>
    /// <param name="response">The response of the attempt that <see cref="ClientResultException.Status"/> belongs to, or <see langword="null"/>.</param>
    /// <param name="innerException">The exception of that attempt, or <see langword="null"/>.</param>
    public EndpointsExhaustedException(
        string message,
        IReadOnlyList<EndpointAttempt> attempts,
        TimeSpan? retryAfter = null,
        PipelineResponse? response = null,
        Exception? innerException = null)
        : base(message, response, innerException)
    {
        Attempts = attempts;
        RetryAfter = retryAfter;
    }

    /// <summary>Gets the failed attempts, in order; for a call that made none, the last failure of each endpoint.</summary>
    public IReadOnlyList<EndpointAttempt> Attempts { get; }

    /// <summary>Gets when an endpoint is expected to take calls again, counted from the throw, or <see langword="null"/> if no time is known.</summary>
    public TimeSpan? RetryAfter { get; }
}
