using AzureOpenAI.RoundRobin.Endpoints;
using OpenAI;

namespace AzureOpenAI.RoundRobin;

/// <summary>
/// Represents a pre-built client of the pool, with what one needs to call it. Immutable; the pool owns the client's transport.
/// </summary>
public sealed class PooledClient
{
    private readonly EndpointMark? _mark;

    internal PooledClient(OpenAIClient client, string deploymentName, string endpointName, EndpointMark? mark = null)
    {
        _mark = mark;
        Client = client;
        DeploymentName = deploymentName;
        EndpointName = endpointName;
    }

    /// <summary>Gets the client: an <see cref="Azure.AI.OpenAI.AzureOpenAIClient"/>, or an <see cref="OpenAIClient"/> for a v1 endpoint. It makes no retries of its own.</summary>
    /// <remarks>
    /// <para>
    /// The client of a v1 endpoint does everything. That of a classic endpoint is Azure.AI.OpenAI 2.1.0, which was built for an older OpenAI package than
    /// Microsoft.Extensions.AI.OpenAI needs. With it work: chat through <c>AsIChatClient</c>, the protocol method
    /// <c>CompleteChatAsync(BinaryContent, RequestOptions)</c>, embeddings, images and transcriptions.
    /// </para>
    /// <para>
    /// With it throw <see cref="MissingMethodException"/>, before anything is sent: <c>CompleteChatAsync(messages)</c>, <c>CompleteChatStreamingAsync</c>, and
    /// the extension methods for content filter results and data sources. The batch client throws <see cref="TypeLoadException"/> and speech
    /// <see cref="InvalidOperationException"/>, also before. File lists throw <see cref="MissingMethodException"/> when their answer has come. Responses go to
    /// a path that the service does not have. For these configure a v1 endpoint, whose address ends in <c>/openai/v1</c>;
    /// or let the app ask for Azure.AI.OpenAI 2.9.0-beta.1, with which all of these work but Responses, which throw <see cref="MissingMethodException"/>.
    /// </para>
    /// </remarks>
    public OpenAIClient Client { get; }

    /// <summary>Gets the deployment to ask the client for.</summary>
    public string DeploymentName { get; }

    /// <summary>Gets the name of the endpoint.</summary>
    public string EndpointName { get; }

    /// <summary>
    /// Marks an id that the service has returned, such as of a file, a vector store or a response, so that
    /// <see cref="EndpointPool.InvokeAsync{T}(Func{PooledClient, string, CancellationToken, Task{T}}, string, CancellationToken)"/> finds the endpoint again from any process.
    /// </summary>
    /// <param name="id">The id as the service gave it.</param>
    /// <returns>The id with a mark; as it is, if the endpoint does not have <see cref="EndpointApi.Responses"/> as its API.</returns>
    /// <exception cref="ArgumentException"><paramref name="id"/> is <see langword="null"/> or empty.</exception>
    public string MarkId(string id)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return _mark is { } mark ? mark.Write(id) : id;
    }

    /// <summary>Returns the endpoint's name.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => EndpointName;
}
