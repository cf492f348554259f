namespace AzureOpenAI.RoundRobin;

/// <summary>Says by what, besides the rotation, the endpoint of a call is chosen.</summary>
public enum EndpointAffinity
{
    /// <summary>Nothing: each call goes to the next endpoint in turn.</summary>
    None,

    /// <summary>
    /// The start of its prompt: the calls of a conversation go to one endpoint, where the service has the prompt in its cache.
    /// See <see cref="RoundRobinOptions.Affinity"/>.
    /// </summary>
    PromptCache,

    /// <summary>
    /// Where its conversation began: first turns are spread exactly evenly, and later turns, which have an answer of the model among their messages, go where the first was
    /// answered. See <see cref="RoundRobinOptions.Affinity"/>.
    /// </summary>
    Conversation,
}
