using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Embeddings;

/// <summary>A ready-made generator while the switch is off: it stays its owner's, though a container disposes what it hands out.</summary>
internal sealed class LeftOpenEmbeddingGenerator(IEmbeddingGenerator<string, Embedding<float>> generator)
    : DelegatingEmbeddingGenerator<string, Embedding<float>>(generator)
{
    protected override void Dispose(bool disposing) => base.Dispose(disposing: false);
}
