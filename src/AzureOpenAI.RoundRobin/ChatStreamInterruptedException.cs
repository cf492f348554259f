namespace AzureOpenAI.RoundRobin;

/// <summary>
/// The exception that is thrown when a stream breaks off after content has reached the caller, so that no other endpoint can take over.
/// </summary>
public class ChatStreamInterruptedException : IOException
{
    /// <summary>Initializes a new instance of the <see cref="ChatStreamInterruptedException"/> class.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="endpointName">The name of the endpoint whose stream broke off.</param>
    /// <param name="innerException">What broke it, or <see langword="null"/> if it ended without its finish.</param>
    public ChatStreamInterruptedException(string message, string endpointName, Exception? innerException = null)
        : base(message, innerException) => EndpointName = endpointName;

    /// <summary>Gets the name of the endpoint whose stream broke off.</summary>
    public string EndpointName { get; }
}
