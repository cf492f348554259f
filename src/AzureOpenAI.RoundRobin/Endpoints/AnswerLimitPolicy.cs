using System.ClientModel.Primitives;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Stands right before the transport of every client that the pool builds, and lets no more of an answer through than an answer can be.</summary>
/// <remarks>
/// The transport would read a whole answer into memory before anything could stand in between, so it is told not to, and this does it instead.
/// An answer that names its length cannot be longer, and costs nothing here.
/// </remarks>
internal sealed class AnswerLimitPolicy : PipelinePolicy
{
    public static readonly AnswerLimitPolicy Instance = new();

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        bool isWhole = message.BufferResponse;
        StrongBox<long>? received = isWhole ? null : AttemptObserver.Received;
        message.BufferResponse = false;
        try
        {
            ProcessNext(message, pipeline, currentIndex);
        }
        finally
        {
            message.BufferResponse = isWhole;
        }

        if (Limit(message, received) && (isWhole || ErrorBody.Is(message.Response!)))
        {
            message.Response!.BufferContent(message.CancellationToken);
            ErrorBody.Clean(message);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        bool isWhole = message.BufferResponse;
        StrongBox<long>? received = isWhole ? null : AttemptObserver.Received;
        message.BufferResponse = false;
        try
        {
            await ProcessNextAsync(message, pipeline, currentIndex).ConfigureAwait(false);
        }
        finally
        {
            message.BufferResponse = isWhole;
        }

        if (Limit(message, received) && (isWhole || ErrorBody.Is(message.Response!)))
        {
            await message.Response!.BufferContentAsync(message.CancellationToken).ConfigureAwait(false);
            ErrorBody.Clean(message);
        }
    }

    /// <returns>Whether there is a body.</returns>
    private static bool Limit(PipelineMessage message, StrongBox<long>? received)
    {
        if (message.Response is not { ContentStream: { } body } response)
        {
            return false;
        }

        if (LimitOf(message, response) is { } limit && !(received is null && IsWithin(limit, response)))
        {
            response.ContentStream = new AnswerStream(body, limit, received);
        }

        return true;
    }

    /// <summary>What is fetched piece by piece and not as events, such as a file, is held by nobody.</summary>
    private static AnswerLimit? LimitOf(PipelineMessage message, PipelineResponse response) =>
        ErrorBody.Is(response) ? AnswerLimit.Error
        : message.BufferResponse ? AnswerLimit.Whole
        : message.Request.Method != "POST" ? null
        : response.Status == 200 ? AnswerLimit.Event
        : AnswerLimit.Whole;

    private static bool IsWithin(AnswerLimit limit, PipelineResponse response)
    {
        if (!response.Headers.TryGetValue("Content-Length", out string? text) || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long length))
        {
            return false;
        }

        return length <= limit.Most || (limit.EndsThere || limit.PerEvent ? false : throw new AnswerTooLongException(limit));
    }
}
