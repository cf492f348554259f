using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests;

public class RoundRobinEmbeddingGeneratorTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Constructor_WithoutGenerators_Throws()
    {
        Assert.Throws<ArgumentNullException>("generators", () => new RoundRobinEmbeddingGenerator((IEnumerable<IEmbeddingGenerator<string, Embedding<float>>>)null!));
        Assert.Throws<ArgumentNullException>("pool", () => new RoundRobinEmbeddingGenerator((EndpointPool)null!));
        Assert.Throws<ArgumentException>("generators", () => new RoundRobinEmbeddingGenerator([]));
        Assert.Throws<ArgumentException>("generators", () => new RoundRobinEmbeddingGenerator([new FakeEmbeddingGenerator(), null!]));
    }

    [Fact]
    public void Constructor_OverReadyMadeChatClients_NamesTheEndpointAndLeavesThePoolAlone()
    {
        using FakePool pool = new(2);

        ArgumentException refusal = Assert.Throws<ArgumentException>("pool", () => new RoundRobinEmbeddingGenerator(pool.Pool));

        Assert.StartsWith("Endpoint 'a' of the pool is a ready-made chat client, which makes no embeddings", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, pool.Released);
    }

    [Fact]
    public void Constructor_OfAChatClientOverGenerators_Throws()
    {
        using RoundRobinEmbeddingGenerator generator = new([new FakeEmbeddingGenerator()]);

        ArgumentException refusal = Assert.Throws<ArgumentException>("pool", () => new RoundRobinChatClient(generator.Pool));

        Assert.StartsWith("Endpoint 'client-1' of the pool is a ready-made embedding generator, which does not chat; set its ChatClient as well", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => { generator.Pool.Next(); });
    }

    [Fact]
    public async Task Generators_AreCalledInTurn_WithWholeBatches()
    {
        FakeEmbeddingGenerator[] inner = [new("a"), new("b"), new("c")];
        using RoundRobinEmbeddingGenerator generator = new(inner);
        string[] batch = ["one", "three", "seventeen"];

        for (int i = 0; i < 6; i++)
        {
            GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(batch, cancellationToken: Token);
            Assert.Equal([3f, 5f, 9f], answer.Select(embedding => embedding.Vector.Span[0]));
        }

        Assert.All(inner, one => Assert.Equal([batch, batch], one.Batches));
    }

    [Fact]
    public async Task Generators_InAListThatChangesLater_AreCaptured()
    {
        List<IEmbeddingGenerator<string, Embedding<float>>> inner = [new FakeEmbeddingGenerator("a"), new FakeEmbeddingGenerator("b")];
        using RoundRobinEmbeddingGenerator generator = new(inner);
        inner.Clear();

        Assert.Equal("b a", string.Join(' ', new[] { await WhoAsync(generator), await WhoAsync(generator) }.OrderDescending()));
        Assert.Equal(2, generator.Pool.Count);
    }

    [Fact]
    public async Task Failure_OfAGenerator_FailsTheWholeBatchOver()
    {
        FakeEmbeddingGenerator bad = new("bad") { Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20)) };
        FakeEmbeddingGenerator good = new("good");
        FakeClock clock = new();
        using RoundRobinEmbeddingGenerator generator = new([bad, good], timeProvider: clock);

        for (int i = 0; i < 6; i++)
        {
            GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(["x", "yy"], cancellationToken: Token);
            Assert.Equal([1f, 2f], answer.Select(embedding => embedding.Vector.Span[0]));
            Assert.Null(answer.AdditionalProperties);
        }

        Assert.Single(bad.Batches);
        clock.Advance(TimeSpan.FromSeconds(20));
        bad.OnCall = (values, _, _) => Task.FromResult(FakeEmbeddingGenerator.Answer("bad", values));
        for (int i = 0; i < 8; i++)
        {
            await generator.GenerateAsync(["x"], cancellationToken: Token);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(bad.Batches.Length, 3, 6);
    }

    [Fact]
    public async Task Answer_OfAReadyMadeGenerator_IsPassedOnAsItIs()
    {
        GeneratedEmbeddings<Embedding<float>> none = [];
        using RoundRobinEmbeddingGenerator generator = new([new FakeEmbeddingGenerator { OnCall = (_, _, _) => Task.FromResult(none) }, new FakeEmbeddingGenerator { OnCall = (_, _, _) => Task.FromResult(none) }]);

        Assert.Same(none, await generator.GenerateAsync(["x"], cancellationToken: Token));
        Assert.Null(none.AdditionalProperties);
    }

    [Fact]
    public async Task Generator_ReturnsNoTask_FailsOver()
    {
        FakeEmbeddingGenerator odd = new("odd") { OnCall = (_, _, _) => null! };
        using RoundRobinEmbeddingGenerator generator = new([odd, new FakeEmbeddingGenerator("good")]);

        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("good", await WhoAsync(generator));
        }

        Assert.NotEmpty(odd.Batches);
    }

    [Fact]
    public async Task Options_OfTheCaller_ReachAReadyMadeGeneratorUnchanged()
    {
        EmbeddingGenerationOptions options = new() { ModelId = "theirs", Dimensions = 7 };
        EmbeddingGenerationOptions? seen = null;
        using RoundRobinEmbeddingGenerator generator = new([new FakeEmbeddingGenerator
        {
            OnCall = (values, given, _) =>
            {
                seen = given;
                return Task.FromResult(FakeEmbeddingGenerator.Answer("x", values));
            },
        }]);

        await generator.GenerateAsync(["x"], options, Token);

        Assert.Same(options, seen);
        Assert.Equal(("theirs", 7), (options.ModelId, options.Dimensions));
    }

    [Fact]
    public async Task Values_ReadableOnlyOnce_AreReadOnce()
    {
        using RoundRobinEmbeddingGenerator generator = new([new FakeEmbeddingGenerator { Fails = FakeFailure.Status(500) }, new FakeEmbeddingGenerator("good")]);
        for (int i = 0; i < 2; i++)
        {
            int read = 0;
            GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(Once(), cancellationToken: Token);
            Assert.Equal(2, answer.Count);

            IEnumerable<string> Once()
            {
                Assert.Equal(1, ++read);
                yield return "a";
                yield return "b";
            }
        }

        Assert.Throws<ArgumentNullException>("values", () => { _ = generator.GenerateAsync(null!, cancellationToken: Token); });
    }

    [Fact]
    public async Task Cancellation_ByTheCaller_EjectsNoEndpoint()
    {
        FakeEmbeddingGenerator inner = new()
        {
            OnCall = async (_, _, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        };
        using RoundRobinEmbeddingGenerator generator = new([inner, inner]);
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task<GeneratedEmbeddings<Embedding<float>>> running = generator.GenerateAsync(["x"], cancellationToken: caller.Token);

        await caller.CancelAsync();

        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(caller.Token, cancelled.CancellationToken);
        Assert.Single(inner.Batches);
        Assert.All(generator.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task Deadline_RunsOut_FailsTheBatchOverOnce()
    {
        FakeClock clock = new();
        FakeEmbeddingGenerator inner = new()
        {
            OnCall = async (_, _, token) =>
            {
                await Task.Delay(Timeout.Infinite, token);
                return [];
            },
        };
        using RoundRobinEmbeddingGenerator generator = new([inner, inner], new RoundRobinOptions { AttemptTimeout = TimeSpan.FromSeconds(5) }, timeProvider: clock);

        Task<GeneratedEmbeddings<Embedding<float>>> running = generator.GenerateAsync(["x"], cancellationToken: Token);
        clock.Advance(TimeSpan.FromSeconds(5));
        await Eventually.TrueAsync(() => inner.Batches.Length == 2 && generator.Pool.CountAwaited(clock) == 1);
        clock.Advance(TimeSpan.FromSeconds(5));

        await Assert.ThrowsAsync<TimeoutException>(() => running);
        Assert.Equal(2, inner.Batches.Length);
    }

    [Fact]
    public async Task Batches_FromManyThreads_AreSpreadExactly()
    {
        FakeEmbeddingGenerator[] inner = [new("a"), new("b"), new("c")];
        foreach (FakeEmbeddingGenerator one in inner)
        {
            one.OnCall = async (values, _, _) =>
            {
                await Task.Yield();
                return FakeEmbeddingGenerator.Answer(one.Name, values);
            };
        }

        using RoundRobinEmbeddingGenerator generator = new(inner);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(
            async () =>
            {
                for (int i = 0; i < 150; i++)
                {
                    string[] batch = [new('x', worker + 1), new('y', i)];
                    GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(batch, cancellationToken: Token);
                    Assert.Equal([worker + 1f, i], answer.Select(embedding => embedding.Vector.Span[0]));
                    Assert.Equal(answer[0].ModelId, answer[1].ModelId);
                }
            },
            Token)));

        Assert.Equal([400, 400, 400], inner.Select(one => one.Batches.Length));
    }

    [Fact]
    public void Dispose_OverGenerators_DisposesEachDistinctOneOnce()
    {
        FakeEmbeddingGenerator twice = new("a");
        FakeEmbeddingGenerator once = new("b");
        FakeEmbeddingGenerator kept = new("c");
        RoundRobinEmbeddingGenerator generator = new([twice, once, twice]);

        generator.Dispose();
        generator.Dispose();
        new RoundRobinEmbeddingGenerator([kept], leaveOpen: true).Dispose();

        Assert.Equal((1, 1, 0), (twice.Disposals, once.Disposals, kept.Disposals));
    }

    [Fact]
    public async Task Dispose_OverAPool_DisposesItUnlessItIsToBeLeftOpen()
    {
        using ServicePool pool = new(["one/small"]);
        RoundRobinEmbeddingGenerator guest = new(pool.Pool, leaveOpen: true);
        RoundRobinEmbeddingGenerator owner = new(pool.Pool);

        guest.Dispose();
        await owner.GenerateAsync(["x"], cancellationToken: Token);
        owner.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => owner.GenerateAsync(["x"], cancellationToken: Token));
    }

    [Fact]
    public void GetService_ForItselfItsPoolAndItsMetadata_Answers()
    {
        using ServicePool pool = new(["one/small", "two/small"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);

        Assert.Same(generator, generator.GetService<RoundRobinEmbeddingGenerator>());
        Assert.Same(generator, generator.GetService<IEmbeddingGenerator<string, Embedding<float>>>());
        Assert.Same(pool.Pool, generator.GetService<EndpointPool>());
        EmbeddingGeneratorMetadata metadata = generator.GetService<EmbeddingGeneratorMetadata>()!;
        Assert.Equal(("azure.ai.openai", "small", null), (metadata.ProviderName, metadata.DefaultModelId, metadata.ProviderUri));
        Assert.Null(generator.GetService(typeof(RoundRobinEmbeddingGenerator), "key"));
        Assert.Null(generator.GetService(typeof(ChatClientMetadata)));
        Assert.Throws<ArgumentNullException>(() => generator.GetService(null!));
    }

    [Fact]
    public void Options_OverGenerators_AreChecked()
    {
        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(
            () => new RoundRobinEmbeddingGenerator([new FakeEmbeddingGenerator()], new RoundRobinOptions { MaxAttempts = 0 }));

        Assert.StartsWith("Embeddings: MaxAttempts", Assert.Single(fault.Failures), StringComparison.Ordinal);
    }

    private static async Task<string> WhoAsync(RoundRobinEmbeddingGenerator generator) =>
        (await generator.GenerateAsync(["x"], cancellationToken: Token))[0].ModelId!;
}
