using System.Globalization;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>Asks an endpoint for the vectors of a whole batch, which is never split.</summary>
internal readonly struct EmbeddingOperation(EmbeddingRequest request) : IOperation<GeneratedEmbeddings<Embedding<float>>>
{
    private readonly EmbeddingRequest _request = request;

    public static string Name => "embeddings";

    public static bool EndsAttempt => true;

    public static bool MayRelocate => true;

    public static bool IsUserCode => false;

    public bool NamesModel => _request.NamesModel;

    public bool NamesJob => false;

    public bool NamesState => false;

    /// <summary>No part of a batch is cached by the service.</summary>
    public uint Affinity => 0;

    /// <summary>Embeddings have no output tokens.</summary>
    public TokenEstimate EstimateTokens() => new(_request.EstimateTokens(), Output: 0);

    public int Fingerprint() => _request.Fingerprint();

    public Task<GeneratedEmbeddings<Embedding<float>>> InvokeAsync(Attempt attempt, int number)
    {
        try
        {
            return (attempt.Endpoint.IsSdkBacked ? RequestScope.Run(attempt, _request, Ask) : Ask(_request, attempt))
                ?? throw new InvalidOperationException($"The generator of endpoint '{attempt.Endpoint.Name}' returned no task.");
        }
#pragma warning disable CA1031 // Whatever the generator throws is an outcome, which the classifier judges.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return Task.FromException<GeneratedEmbeddings<Embedding<float>>>(exception);
        }
    }

    public static bool TryTake(GeneratedEmbeddings<Embedding<float>> result, Attempt attempt)
    {
        if (result is { Usage: { } usage })
        {
            attempt.Usage = TokenCounts.Of(usage);
        }

        return true;
    }

    public void Check(GeneratedEmbeddings<Embedding<float>> result, Attempt attempt, int number)
    {
        TryTake(result, attempt);
        if (!attempt.Endpoint.IsSdkBacked)
        {
            return;
        }

        // Callers pair vectors with texts by position, so a missing vector would pair all that follow with the wrong text.
        int usable = 0;
        foreach (Embedding<float> embedding in result)
        {
            usable += embedding.Vector.IsEmpty ? 0 : 1;
        }

        if (usable != result.Count || usable != _request.Values.Count)
        {
            throw new IOException(string.Create(
                CultureInfo.InvariantCulture, $"Endpoint '{attempt.Endpoint.Name}' answered {_request.Values.Count} inputs with {usable} vectors."));
        }

        AnswerOrigin.Mark(result.AdditionalProperties ??= [], attempt.Endpoint, number);
    }

    private static Task<GeneratedEmbeddings<Embedding<float>>> Ask(EmbeddingRequest request, Attempt attempt) =>
        attempt.Endpoint.EmbeddingGenerator!.GenerateAsync(request.Values, request.OptionsFor(attempt.Endpoint), attempt.Token);
}
