using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>What an answer says of its origin: as it comes, after a cache, and where it says nothing.</summary>
public class RoundRobinResponseExtensionsTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Answer_SaysEndpointAndAttempts(bool streaming)
    {
        using ServicePool pool = OneRefuses();

        ChatResponse answer = await AskAsync(pool.Client, streaming);

        Assert.Equal(("two", 2, false), (answer.GetRoundRobinEndpoint(), answer.GetRoundRobinAttempts(), answer.IsRoundRobinCached()));
    }

    [Fact]
    public async Task Stream_ItsFirstUpdateSaysIt()
    {
        using ServicePool pool = OneRefuses();

        List<ChatResponseUpdate> updates = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: Token).ToListAsync(Token);

        Assert.Equal(("two", 2, false), (updates[0].GetRoundRobinEndpoint(), updates[0].GetRoundRobinAttempts(), updates[0].IsRoundRobinCached()));
        Assert.All(updates.Skip(1), static update => Assert.Equal((null, null, false), (update.GetRoundRobinEndpoint(), update.GetRoundRobinAttempts(), update.IsRoundRobinCached())));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    public async Task CachedAnswer_NamesItsEndpointAndNoAttempt(bool streaming, bool isCoalesced)
    {
        using ServicePool pool = OneRefuses();
        using IChatClient client = pool.Client.AsBuilder().UseDistributedCache(new FakeDistributedCache(), caching => caching.CoalesceStreamingUpdates = isCoalesced).Build();

        ChatResponse first = await AskAsync(client, streaming);
        ChatResponse cached = await AskAsync(client, streaming);

        Assert.Equal(("two", 2, false), (first.GetRoundRobinEndpoint(), first.GetRoundRobinAttempts(), first.IsRoundRobinCached()));
        Assert.Equal(("two", 0, true), (cached.GetRoundRobinEndpoint(), cached.GetRoundRobinAttempts(), cached.IsRoundRobinCached()));
        Assert.Equal(2, pool.Service.Requests.Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CachedStream_OneOfItsUpdatesSaysIt(bool isCoalesced)
    {
        using ServicePool pool = OneRefuses();
        using IChatClient client = pool.Client.AsBuilder().UseDistributedCache(new FakeDistributedCache(), caching => caching.CoalesceStreamingUpdates = isCoalesced).Build();
        await AskAsync(client, streaming: true);

        List<ChatResponseUpdate> updates = await client.GetStreamingResponseAsync("hi", cancellationToken: Token).ToListAsync(Token);

        ChatResponseUpdate marked = Assert.Single(updates, static update => update.IsRoundRobinCached());
        Assert.Equal(("two", 0), (marked.GetRoundRobinEndpoint(), marked.GetRoundRobinAttempts()));
        Assert.Same(isCoalesced ? updates[^1] : updates[0], marked);
    }

    [Fact]
    public void ServiceTier_IsRead_AsItCameAndAfterACache()
    {
        const string Name = "azure_openai.round_robin.service_tier";
        AdditionalPropertiesDictionary came = new() { [Name] = "flex" };
        AdditionalPropertiesDictionary kept = new() { [Name] = JsonSerializer.SerializeToElement("flex") };

        Assert.All([came, kept], static properties => Assert.Equal("flex", new ChatResponse { AdditionalProperties = properties }.GetRoundRobinServiceTier()));
        Assert.All([came, kept], static properties => Assert.Equal("flex", new ChatResponseUpdate { AdditionalProperties = properties }.GetRoundRobinServiceTier()));
        Assert.Null(new ChatResponse().GetRoundRobinServiceTier());
    }

    [Fact]
    public async Task Vectors_SayEndpointAndAttempts()
    {
        using ServicePool pool = OneRefuses();
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);

        GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(["a"], cancellationToken: Token);

        Assert.Equal(("two", 2), (embeddings.GetRoundRobinEndpoint(), embeddings.GetRoundRobinAttempts()));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("{}")]
    public void ForeignMark_SaysNothing(string json)
    {
        JsonElement foreign = JsonElement.Parse(json);
        ChatResponse answer = new() { AdditionalProperties = new() { ["azure_openai.round_robin.endpoint"] = foreign, ["azure_openai.round_robin.attempts"] = foreign } };

        Assert.Equal((null, null, false), (answer.GetRoundRobinEndpoint(), answer.GetRoundRobinAttempts(), answer.IsRoundRobinCached()));
    }

    [Fact]
    public void NoMark_SaysNothing()
    {
        Assert.Equal((null, null, false), (new ChatResponse().GetRoundRobinEndpoint(), new ChatResponse().GetRoundRobinAttempts(), new ChatResponse().IsRoundRobinCached()));
        Assert.Equal((null, null, false), (new ChatResponseUpdate().GetRoundRobinEndpoint(), new ChatResponseUpdate().GetRoundRobinAttempts(), new ChatResponseUpdate().IsRoundRobinCached()));
        Assert.Equal((null, null), (new GeneratedEmbeddings<Embedding<float>>().GetRoundRobinEndpoint(), new GeneratedEmbeddings<Embedding<float>>().GetRoundRobinAttempts()));
    }

    [Fact]
    public void Null_IsNoAnswer()
    {
        Assert.Throws<ArgumentNullException>("response", static () => ((ChatResponse)null!).GetRoundRobinEndpoint());
        Assert.Throws<ArgumentNullException>("update", static () => ((ChatResponseUpdate)null!).GetRoundRobinAttempts());
        Assert.Throws<ArgumentNullException>("embeddings", static () => ((GeneratedEmbeddings<Embedding<float>>)null!).GetRoundRobinEndpoint());
    }

    private static ServicePool OneRefuses()
    {
        ServicePool pool = new(["one", "two"]);
        pool.Service.On = static request => request.Host == "one" ? FakeService.Refusal(429) : null;
        return pool;
    }

    private static async Task<ChatResponse> AskAsync(IChatClient client, bool streaming) => streaming
        ? await client.GetStreamingResponseAsync("hi", cancellationToken: Token).ToChatResponseAsync(Token)
        : await client.GetResponseAsync("hi", cancellationToken: Token);
}
