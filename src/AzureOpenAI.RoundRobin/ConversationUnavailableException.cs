namespace AzureOpenAI.RoundRobin;

/// <summary>
/// The exception that is thrown when a call goes on with a conversation, a response or a job that one resource keeps, and no endpoint of that resource is in the configuration.
/// </summary>
/// <remarks>
/// No other resource knows the conversation. Add the endpoint again, with a higher <see cref="EndpointOptions.Priority"/> if it is to get no other calls, or begin a new
/// conversation with the messages that the app has.
/// </remarks>
public class ConversationUnavailableException : InvalidOperationException
{
    /// <summary>Initializes a new instance of the <see cref="ConversationUnavailableException"/> class.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="endpointName">The name that the endpoint had, or <see langword="null"/> if the pool has never had it.</param>
    public ConversationUnavailableException(string message, string? endpointName)
        : base(message) => EndpointName = endpointName;

    /// <summary>Gets the name that the endpoint had in this pool, or <see langword="null"/> if the pool has never had it, as after a restart with another configuration.</summary>
    public string? EndpointName { get; }
}
