using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests;

public class RoundRobinChatClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public void Constructor_WithoutClients_Throws()
    {
        Assert.Throws<ArgumentNullException>(() => new RoundRobinChatClient((IEnumerable<IChatClient>)null!));
        Assert.Throws<ArgumentNullException>(() => new RoundRobinChatClient((EndpointPool)null!));
        Assert.Throws<ArgumentException>(() => new RoundRobinChatClient([]));
        Assert.Throws<ArgumentException>(() => new RoundRobinChatClient([new FakeChatClient(), null!]));
    }

    [Fact]
    public async Task Clients_InAListThatChangesLater_AreCaptured()
    {
        List<IChatClient> clients = [new FakeChatClient("a"), new FakeChatClient("b")];
        using RoundRobinChatClient client = new(clients);
        clients.Clear();

        string[] answers = [(await client.GetResponseAsync([], cancellationToken: Token)).Text, (await client.GetResponseAsync([], cancellationToken: Token)).Text];

        Assert.Equal(["a", "b"], answers.Order());
        Assert.Equal(2, client.Pool.Count);
    }

    [Fact]
    public void Dispose_OfAClientOverClients_DisposesEachDistinctOneOnce()
    {
        FakeChatClient twice = new("a");
        FakeChatClient once = new("b");
        RoundRobinChatClient client = new([twice, once, twice]);

        client.Dispose();
        client.Dispose();

        Assert.Equal((1, 1), (twice.Disposals, once.Disposals));
    }

    [Fact]
    public async Task Dispose_WithACallThatRuns_DisposesTheClientsWhenItHasEnded()
    {
        FakeChatClient inner = new("a");
        inner.Hold();
        RoundRobinChatClient client = new([inner]);
        Task<ChatResponse> call = client.GetResponseAsync([], cancellationToken: Token);

        client.Dispose();
        Assert.Equal(0, inner.Disposals);
        inner.Held[0].Answer();
        await call;

        Assert.Equal(1, inner.Disposals);
    }

    [Fact]
    public void Dispose_OfAClientThatLeavesItsClientsOpen_DisposesNone()
    {
        FakeChatClient inner = new("a");

        new RoundRobinChatClient([inner], leaveOpen: true).Dispose();

        Assert.Equal(0, inner.Disposals);
    }

    [Fact]
    public async Task Dispose_OfAClientOverAPool_DisposesItUnlessItIsToBeLeftOpen()
    {
        using FakePool pool = new(1);
        RoundRobinChatClient guest = new(pool.Pool, leaveOpen: true);
        RoundRobinChatClient owner = new(pool.Pool);

        guest.Dispose();
        Assert.Equal("a", await pool.AskAsync());
        owner.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.AskAsync());
        Assert.Equal(0, pool.Clients[0].Disposals);
    }

    [Fact]
    public async Task Options_OfAClientOverClients_CountWhereTheyAreAboutAttempts()
    {
        FakeChatClient inner = new("a") { Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(1)) };
        using RoundRobinChatClient client = new([inner], new RoundRobinOptions { MaxWait = TimeSpan.Zero, Temperature = 1 }, timeProvider: new FakeClock());

        await Assert.ThrowsAnyAsync<System.ClientModel.ClientResultException>(() => client.GetResponseAsync([], cancellationToken: Token));

        Assert.Equal(1, inner.Calls);
    }

    [Fact]
    public void GetService_ForItselfItsPoolAndItsMetadata_Answers()
    {
        using ServicePool pool = new(["one", "two"]);

        Assert.Same(pool.Client, pool.Client.GetService<RoundRobinChatClient>());
        Assert.Same(pool.Client, pool.Client.GetService<IChatClient>());
        Assert.Same(pool.Pool, pool.Client.GetService<EndpointPool>());
        ChatClientMetadata metadata = pool.Client.GetService<ChatClientMetadata>()!;
        Assert.Equal("azure.ai.openai", metadata.ProviderName);
        Assert.Equal("gpt", metadata.DefaultModelId);
        Assert.Null(metadata.ProviderUri);
    }

    [Fact]
    public async Task GetService_ForMetadata_IsAlwaysTheSame()
    {
        using ServicePool pool = new(["one/x", "two/y"]);
        ChatClientMetadata metadata = pool.Client.GetService<ChatClientMetadata>()!;
        Assert.Null(metadata.DefaultModelId);
        for (int i = 0; i < 3; i++)
        {
            await pool.AskAsync();
            Assert.Same(metadata, pool.Client.GetService<ChatClientMetadata>());
        }
    }

    [Fact]
    public void GetService_ForAKeyOrSomethingUnknown_IsNull()
    {
        using FakePool pool = new(1);

        Assert.Null(pool.Client.GetService(typeof(RoundRobinChatClient), "key"));
        Assert.Null(pool.Client.GetService(typeof(ChatClientMetadata), 1));
        Assert.Null(pool.Client.GetService(typeof(string)));
        Assert.Null(pool.Client.GetService(typeof(FakeChatClient)));
        Assert.Throws<ArgumentNullException>(() => pool.Client.GetService(null!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MessagesThatCannotBeRead_EndTheirAttemptAllTheSame(bool streaming)
    {
        FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.RateLimited(TimeSpan.FromHours(1));
        }

        EndpointsExhaustedException thrown = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => AskAsync(pool, [null!], streaming));

        Assert.Equal(2, thrown.Attempts.Count);
        Assert.Equal(0, pool.Pool.GetStatus().Sum(status => status.InFlight));
        pool.Dispose();
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MessagesThatCannotBeRead_AreTheClientsToComplainOf(bool streaming)
    {
        using FakePool pool = new(1, endpoint: (_, entry) => entry.TokensPerMinute = 1000);
        pool.Clients[0].Fails = new ArgumentException("no message");

        await Assert.ThrowsAsync<ArgumentException>(() => AskAsync(pool, [null!], streaming));
    }

    private static Task<ChatResponse> AskAsync(FakePool pool, IEnumerable<ChatMessage> messages, bool streaming) => streaming
        ? pool.Client.GetStreamingResponseAsync(messages, cancellationToken: Token).ToChatResponseAsync(Token)
        : pool.Client.GetResponseAsync(messages, cancellationToken: Token);
}
