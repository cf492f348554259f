using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>A ready-made generator while the switch is off. Its owner disposes it, and not the container, which disposes every object that it creates.</summary>
internal sealed class LeftOpenEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> generator)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(generator)
{
    protected override void Dispose(bool disposing) => base.Dispose(disposing: false);
}
