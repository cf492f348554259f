using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>An endpoint as a ready-made generator of embeddings.</summary>
internal sealed class ChaosGenerator(ChaosRun run, ChaosEndpoint endpoint) : IEmbeddingGenerator<string, Embedding<float>>
{
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ChaosCall call = run.Find(values.First());
        ChaosAttempt attempt = endpoint.Arrive(call, "");
        try
        {
            if (attempt.Latency > 0)
            {
                await run.Time.WaitAsync(attempt.Latency, cancellationToken);
            }

            await ChaosFailure.OfAsync(run, endpoint, call, attempt, cancellationToken);
            return new(values.Select((_, i) => new Embedding<float>(new float[] { call.Id, i })));
        }
        finally
        {
            endpoint.Leave(attempt);
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => null;

    public void Dispose()
    {
    }
}
