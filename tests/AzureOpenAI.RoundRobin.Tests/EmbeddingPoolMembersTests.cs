using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>Members of a pool with a ready-made generator, a ready-made chat client, or both, also after an update.</summary>
public class EmbeddingPoolMembersTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Update_ReadyMadeGenerators_TakesOthers_AndKeepsWhatIsTheSame()
    {
        FakeClock clock = new();
        FakeEmbeddingGenerator kept = new("kept") { Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20)) };
        FakeEmbeddingGenerator left = new("left");
        FakeEmbeddingGenerator joined = new("joined");
        using RoundRobinEmbeddingGenerator generator = new([kept, left], timeProvider: clock);
        await WhoAsync(generator);
        await WhoAsync(generator);
        Assert.Single(kept.Batches);

        generator.Pool.Update(new RoundRobinOptions { Endpoints = { new() { Name = "joined", EmbeddingGenerator = joined }, new() { Name = "kept", EmbeddingGenerator = kept } } });

        Assert.Equal(["joined", "joined"], [await WhoAsync(generator), await WhoAsync(generator)]);
        Assert.Equal(
            [("joined", EndpointState.Healthy, 0L), ("kept", EndpointState.Unavailable, 1L)],
            generator.Pool.GetStatus().Select(status => (status.Name, status.State, status.Failed)));
        Assert.Single(kept.Batches);
    }

    [Fact]
    public void Update_ToOneThatMakesNoEmbeddings_IsRefusedWhole()
    {
        using RoundRobinEmbeddingGenerator generator = new([new FakeEmbeddingGenerator()]);

        OptionsValidationException empty = Assert.Throws<OptionsValidationException>(() => generator.Pool.Update(new RoundRobinOptions()));
        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(
            () => generator.Pool.Update(new RoundRobinOptions { Endpoints = { new() { Name = "chats", ChatClient = new FakeChatClient() } } }));

        Assert.StartsWith("Embeddings: There are no endpoints", Assert.Single(empty.Failures), StringComparison.Ordinal);
        Assert.StartsWith("Embeddings: Endpoint 1 ('chats'): a ready-made ChatClient makes no embeddings", Assert.Single(fault.Failures), StringComparison.Ordinal);
        Assert.Equal(1, generator.Pool.Count);
    }

    [Fact]
    public async Task WithBoth_IsOneEndpointForBoth()
    {
        FakeClock clock = new();
        FakeEmbeddingGenerator east = new("east") { Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20)) };
        FakeChatClient[] chats = [new("east"), new("west")];
        using EndpointPool pool = new(
            new RoundRobinOptions { Endpoints = { new() { Name = "east", ChatClient = chats[0], EmbeddingGenerator = east }, new() { Name = "west", ChatClient = chats[1], EmbeddingGenerator = new FakeEmbeddingGenerator("west") } } },
            timeProvider: clock);
        using RoundRobinEmbeddingGenerator generator = new(pool, leaveOpen: true);
        using RoundRobinChatClient client = new(pool, leaveOpen: true);

        Assert.Equal(["west", "west"], [await WhoAsync(generator), await WhoAsync(generator)]);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("west", (await client.GetResponseAsync("hi", cancellationToken: Token)).Text);
        }

        Assert.Equal(2, pool.Count);
        Assert.Equal(EndpointState.Unavailable, pool.GetStatus()[0].State);
    }

    [Fact]
    public async Task Update_AddsAGeneratorToAChatClient_KeepsItsState_AndRemovesItAgain()
    {
        FakeClock clock = new();
        FakeChatClient east = new("east") { Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20)) };
        FakeChatClient west = new("west");
        using EndpointPool pool = new(Of(null), timeProvider: clock);
        using RoundRobinChatClient client = new(pool, leaveOpen: true);
        await client.GetResponseAsync("hi", cancellationToken: Token);
        await client.GetResponseAsync("hi", cancellationToken: Token);

        pool.Update(Of(new FakeEmbeddingGenerator()));
        using RoundRobinEmbeddingGenerator generator = new(pool, leaveOpen: true);

        Assert.Equal((EndpointState.Unavailable, 1L), (pool.GetStatus()[0].State, pool.GetStatus()[0].Failed));
        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => pool.Update(Of(null)));
        Assert.Equal(["'east'", "'west'"], fault.Failures.Select(failure => failure.Split(' ')[1]));

        RoundRobinOptions Of(FakeEmbeddingGenerator? generator) => new()
        {
            Endpoints = { new() { Name = "east", ChatClient = east, EmbeddingGenerator = generator }, new() { Name = "west", ChatClient = west, EmbeddingGenerator = generator } },
        };
    }

    [Fact]
    public void WithoutAChatClient_JoinsNoPoolThatChats()
    {
        FakeEmbeddingGenerator generator = new();
        using EndpointPool mixed = new(new RoundRobinOptions { Endpoints = { new() { Name = "chats", ChatClient = new FakeChatClient() }, new() { Name = "embeds", EmbeddingGenerator = generator } } });
        using FakePool pool = new(1);

        ArgumentException chats = Assert.Throws<ArgumentException>("pool", () => new RoundRobinChatClient(mixed));
        ArgumentException embeds = Assert.Throws<ArgumentException>("pool", () => new RoundRobinEmbeddingGenerator(mixed));
        OptionsValidationException update = Assert.Throws<OptionsValidationException>(
            () => pool.Pool.Update(new RoundRobinOptions { Endpoints = { new() { Name = "embeds", EmbeddingGenerator = generator } } }));
        OptionsValidationException environment = Assert.Throws<OptionsValidationException>(
            () => RoundRobinChatClient.FromEnvironment(options => options.Endpoints.Add(new() { Name = "embeds", EmbeddingGenerator = generator })));

        Assert.StartsWith("Endpoint 'embeds' of the pool is a ready-made embedding generator, which does not chat", chats.Message, StringComparison.Ordinal);
        Assert.StartsWith("Endpoint 'chats' of the pool is a ready-made chat client, which makes no embeddings", embeds.Message, StringComparison.Ordinal);
        Assert.Contains("'embeds'", Assert.Single(update.Failures), StringComparison.Ordinal);
        Assert.StartsWith("Endpoint 1 ('embeds'): a ready-made EmbeddingGenerator does not chat", Assert.Single(environment.Failures), StringComparison.Ordinal);
    }

    private static async Task<string> WhoAsync(RoundRobinEmbeddingGenerator generator) =>
        (await generator.GenerateAsync(["x"], cancellationToken: Token))[0].ModelId!;
}
