using System.Collections.Concurrent;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A generator that does what its callback says, and counts.</summary>
internal sealed class FakeEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly ConcurrentQueue<string[]> _batches = new();
    private int _disposals;

    public FakeEmbeddingGenerator(string name = "fake")
    {
        Name = name;
        OnCall = (values, _, _) => Task.FromResult(Answer(Name, values));
    }

    public string Name { get; }

    /// <summary>Where it says that it sends its requests.</summary>
    public Uri? Provider { get; init; }

    /// <summary>The batches that came, in order.</summary>
    public string[][] Batches => [.. _batches];

    public int Disposals => Volatile.Read(ref _disposals);

    public Func<string[], EmbeddingGenerationOptions?, CancellationToken, Task<GeneratedEmbeddings<Embedding<float>>>> OnCall { get; set; }

    public Exception Fails
    {
        set => OnCall = (_, _, _) => Task.FromException<GeneratedEmbeddings<Embedding<float>>>(value);
    }

    /// <summary>A vector for each value that holds its length, and says who made it.</summary>
    public static GeneratedEmbeddings<Embedding<float>> Answer(string name, string[] values) =>
        new(values.Select(value => new Embedding<float>(new float[] { value.Length }) { ModelId = name }));

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        string[] batch = [.. values];
        _batches.Enqueue(batch);
        return OnCall(batch, options, cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        Provider is not null && serviceType == typeof(EmbeddingGeneratorMetadata) ? new EmbeddingGeneratorMetadata("fake", Provider) : null;

    public void Dispose() => Interlocked.Increment(ref _disposals);
}
