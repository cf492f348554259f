using System.ClientModel;
using AzureOpenAI.RoundRobin.Calls;
using AzureOpenAI.RoundRobin.Embeddings;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Embeddings;

/// <summary>The SDK's real generators over a fake service.</summary>
public class EmbeddingOperationTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnAnswer_SaysWhereItCameFromAndAfterHowManyAttempts()
    {
        using ServicePool pool = new(["one", "two"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429, ("retry-after-ms", "20000")) : null;

        GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(["a", "b", "c"], cancellationToken: Token);

        Assert.Equal("two", answer.AdditionalProperties![AnswerOrigin.Endpoint]);
        Assert.Equal(2, answer.AdditionalProperties[AnswerOrigin.Attempts]);
        Assert.Equal([0f, 1f, 2f], answer.Select(embedding => embedding.Vector.Span[0]));
        Assert.Equal(3, answer.Usage!.InputTokenCount);
        Assert.All(pool.Service.Requests, request => Assert.Equal(["a", "b", "c"], request.Inputs));
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
        Assert.Equal(TimeSpan.FromSeconds(20), pool.Pool.GetStatus()[0].ReadyIn);
    }

    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 2)]
    [InlineData(3, 2)]
    [InlineData(2, 0)]
    public async Task AnAnswer_WithoutAVectorForEachValue_IsBrokenAndFailsOver(int vectors, int length)
    {
        using ServicePool pool = new(["one", "two"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        pool.Service.On = request => request.Host == "one" ? FakeService.Vectors(vectors, length) : null;

        for (int i = 0; i < 4; i++)
        {
            GeneratedEmbeddings<Embedding<float>> answer = await generator.GenerateAsync(["a", "b"], cancellationToken: Token);
            Assert.Equal("two", answer.AdditionalProperties![AnswerOrigin.Endpoint]);
        }

        Assert.Equal(2, pool.Service.Requests.Count(request => request.Host == "one"));
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("one"));
    }

    [Fact]
    public async Task AnAnswer_ThatIsBrokenEverywhere_IsTheRequestsDoingAndSurfaces()
    {
        using ServicePool pool = new(["one", "two", "three"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        pool.Service.On = _ => FakeService.Vectors(1);

        IOException failure = await Assert.ThrowsAsync<IOException>(() => generator.GenerateAsync(["a", "b"], cancellationToken: Token));

        Assert.Equal("Endpoint 'three' answered 2 inputs with 1 vectors.", failure.Message);
        Assert.Equal(3, pool.Service.Requests.Length);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Fact]
    public async Task AVector_ThatIsEmptyEverywhere_IsTheRequestsDoingAndSurfaces()
    {
        using ServicePool pool = new(["one", "two", "three"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        pool.Service.On = _ => FakeService.Vectors(2, length: 0);

        await Assert.ThrowsAsync<FormatException>(() => generator.GenerateAsync(["a", "b"], cancellationToken: Token));

        Assert.Equal(2, pool.Service.Requests.Length);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Fact]
    public async Task ABatch_ThatIsEmpty_IsTheSdksOwnError_AndEjectsNoEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);

        await Assert.ThrowsAsync<ArgumentException>(() => generator.GenerateAsync([], cancellationToken: Token));

        Assert.Empty(pool.Service.Requests);
        Assert.All(pool.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task ABadRequest_Surfaces()
    {
        using ServicePool pool = new(["one", "two"]);
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        pool.Service.On = _ => FakeService.Refusal(400);

        ClientResultException failure = await Assert.ThrowsAsync<ClientResultException>(() => generator.GenerateAsync(["x"], cancellationToken: Token));

        Assert.Equal(400, failure.Status);
        Assert.Single(pool.Service.Requests);
    }

    [Theory]
    [InlineData(null, "small", "small", "small", "small")]
    [InlineData("text-embedding-3-large", "large-one", "large-one", "large-two", "large-two")]
    [InlineData("TEXT-EMBEDDING-3-LARGE", "large-one", "large-one", "large-two", "large-two")]
    [InlineData("unknown", "small", "unknown", "small", "small")]
    public async Task AModel_ThatTheCallerNames_IsMappedToADeployment(string? model, string inPath, string inBody, string inV1Path, string inV1Body)
    {
        using ServicePool pool = new(["one/small", "two/small"], (i, endpoint) =>
        {
            endpoint.Deployments["text-embedding-3-large"] = $"large-{(i == 0 ? "one" : "two")}";
            endpoint.Endpoint = i == 0 ? endpoint.Endpoint : new Uri(endpoint.Endpoint!, "openai/v1");
        });
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool);
        EmbeddingGenerationOptions options = new() { ModelId = model, Dimensions = 2, AdditionalProperties = new() { ["tag"] = "x" } };

        await generator.GenerateAsync(["x"], options, Token);
        await generator.GenerateAsync(["x"], options, Token);

        FakeService.Request classic = pool.Service.Requests.Single(request => request.Host == "one");
        FakeService.Request v1 = pool.Service.Requests.Single(request => request.Host == "two");
        Assert.Equal((inPath, inBody), (classic.Deployment, classic.Model));
        Assert.Equal("/openai/v1/embeddings", v1.Address.AbsolutePath);
        Assert.Equal((inV1Path, inV1Body), (v1.Deployment, v1.Model));
        Assert.Equal([2, 2], pool.Service.Requests.Select(request => (int)request.Body["dimensions"]!));
        Assert.Equal((model, 2, "x"), (options.ModelId, options.Dimensions, options.AdditionalProperties["tag"]));
    }

    [Fact]
    public async Task AnOperation_OfAnyKindInOnePool_SharesWhatIsKnown()
    {
        using ServicePool pool = new(["one/gpt", "two/gpt"], (_, endpoint) => endpoint.Deployments["small"] = "emb");
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(401) : null;
        await pool.AskAsync();

        for (int i = 0; i < 3; i++)
        {
            await generator.GenerateAsync(["x"], new() { ModelId = "small" }, Token);
        }

        Assert.Equal([("one", "gpt"), ("two", "gpt"), ("two", "emb"), ("two", "emb"), ("two", "emb")], pool.Service.Requests.Select(request => (request.Host, request.Deployment)));
    }

    [Theory]
    [InlineData(1, "")]
    [InlineData(1, "abcd")]
    [InlineData(2, "abcde")]
    [InlineData(3, "a", "b", "abcd")]
    public void EstimateTokens_OfABatch_RoundsEachValueUp(long expected, params string[] values) =>
        Assert.Equal(expected, new EmbeddingRequest(values, null, modelIsMapped: false).EstimateTokens());

    [Fact]
    public void Fingerprint_OfABatch_TellsItsValuesApart()
    {
        int one = new EmbeddingRequest(["a", "b"], null, modelIsMapped: false).Fingerprint();

        Assert.Equal(one, new EmbeddingRequest(["a", "b"], new() { Dimensions = 1 }, modelIsMapped: true).Fingerprint());
        Assert.NotEqual(one, new EmbeddingRequest(["b", "a"], null, modelIsMapped: false).Fingerprint());
        Assert.NotEqual(one, new EmbeddingRequest(["a"], null, modelIsMapped: false).Fingerprint());
    }
}
