using AzureOpenAI.RoundRobin.Calls;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin;

/// <summary>Says of an answer which endpoint made it, after how many attempts, in which service tier, and whether it was made now or comes from a cache.</summary>
/// <remarks>
/// Answers of endpoints with an address carry this in their additional properties. Of a stream the first update that the pool passes on has it; of one that a cache replays it
/// may be another, often the last.
/// </remarks>
public static class RoundRobinResponseExtensions
{
    /// <summary>Gets the name of the endpoint that made an answer, also of one that comes from a cache.</summary>
    /// <param name="response">The answer.</param>
    /// <returns>The name, or <see langword="null"/> where the answer does not say: a ready-made client made it, or no pool did.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="response"/> is <see langword="null"/>.</exception>
    public static string? GetRoundRobinEndpoint(this ChatResponse response) => AnswerOrigin.EndpointOf(PropertiesOf(response));

    /// <summary>Gets the name of the endpoint that made a stream, also of one that comes from a cache.</summary>
    /// <param name="update">An update of the stream.</param>
    /// <returns>The name, or <see langword="null"/> where this update does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="update"/> is <see langword="null"/>.</exception>
    public static string? GetRoundRobinEndpoint(this ChatResponseUpdate update) => AnswerOrigin.EndpointOf(PropertiesOf(update));

    /// <summary>Gets the name of the endpoint that made the vectors of a batch.</summary>
    /// <param name="embeddings">The vectors.</param>
    /// <returns>
    /// The name, or <see langword="null"/> where the batch does not say. A cache of Microsoft.Extensions.AI keeps single vectors without their origin, so what
    /// comes from one does not.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="embeddings"/> is <see langword="null"/>.</exception>
    public static string? GetRoundRobinEndpoint(this GeneratedEmbeddings<Embedding<float>> embeddings) => AnswerOrigin.EndpointOf(PropertiesOf(embeddings));

    /// <summary>Gets the number of attempts that an answer took now, its own included.</summary>
    /// <param name="response">The answer.</param>
    /// <returns>The number, which is 0 for an answer that comes from a cache; <see langword="null"/> where the answer does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="response"/> is <see langword="null"/>.</exception>
    public static int? GetRoundRobinAttempts(this ChatResponse response) => AnswerOrigin.AttemptsOf(PropertiesOf(response));

    /// <summary>Gets the number of attempts that a stream took now, its own included.</summary>
    /// <param name="update">An update of the stream.</param>
    /// <returns>The number, which is 0 for a stream that comes from a cache; <see langword="null"/> where this update does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="update"/> is <see langword="null"/>.</exception>
    public static int? GetRoundRobinAttempts(this ChatResponseUpdate update) => AnswerOrigin.AttemptsOf(PropertiesOf(update));

    /// <summary>Gets the number of attempts that the vectors of a batch took, the last included.</summary>
    /// <param name="embeddings">The vectors.</param>
    /// <returns>The number, or <see langword="null"/> where the batch does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="embeddings"/> is <see langword="null"/>.</exception>
    public static int? GetRoundRobinAttempts(this GeneratedEmbeddings<Embedding<float>> embeddings) => AnswerOrigin.AttemptsOf(PropertiesOf(embeddings));

    /// <summary>Gets the service tier that a call was answered in which had asked for another than the standard one.</summary>
    /// <param name="response">The answer.</param>
    /// <returns>
    /// The tier, such as <c>flex</c>, or <c>default</c> where the call went on to the standard tier (<see cref="RoundRobinOptions.FallBackFromFlex"/>); <see langword="null"/> where
    /// the call asked for no tier, or the answer does not say.
    /// </returns>
    /// <exception cref="ArgumentNullException"><paramref name="response"/> is <see langword="null"/>.</exception>
    public static string? GetRoundRobinServiceTier(this ChatResponse response) => AnswerOrigin.TierOf(PropertiesOf(response));

    /// <summary>Gets the service tier of a stream whose call had asked for another than the standard one.</summary>
    /// <param name="update">An update of the stream.</param>
    /// <returns>As for an answer; <see langword="null"/> where this update does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="update"/> is <see langword="null"/>.</exception>
    public static string? GetRoundRobinServiceTier(this ChatResponseUpdate update) => AnswerOrigin.TierOf(PropertiesOf(update));

    /// <summary>Says whether an answer of a pool was kept as JSON and read again, as <c>UseDistributedCache</c> does, so that no endpoint was asked now.</summary>
    /// <param name="response">The answer.</param>
    /// <returns><see langword="true"/> if it was; <see langword="false"/> if an endpoint was asked, or where the answer does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="response"/> is <see langword="null"/>.</exception>
    public static bool IsRoundRobinCached(this ChatResponse response) => AnswerOrigin.IsCached(PropertiesOf(response));

    /// <summary>Says whether a stream of a pool was kept as JSON and read again, as <c>UseDistributedCache</c> does, so that no endpoint was asked now.</summary>
    /// <param name="update">An update of the stream.</param>
    /// <returns><see langword="true"/> if it was; <see langword="false"/> if an endpoint was asked, or where this update does not say.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="update"/> is <see langword="null"/>.</exception>
    public static bool IsRoundRobinCached(this ChatResponseUpdate update) => AnswerOrigin.IsCached(PropertiesOf(update));

    private static AdditionalPropertiesDictionary? PropertiesOf(ChatResponse response)
    {
        ArgumentNullException.ThrowIfNull(response);
        return response.AdditionalProperties;
    }

    private static AdditionalPropertiesDictionary? PropertiesOf(ChatResponseUpdate update)
    {
        ArgumentNullException.ThrowIfNull(update);
        return update.AdditionalProperties;
    }

    private static AdditionalPropertiesDictionary? PropertiesOf(GeneratedEmbeddings<Embedding<float>> embeddings)
    {
        ArgumentNullException.ThrowIfNull(embeddings);
        return embeddings.AdditionalProperties;
    }
}
