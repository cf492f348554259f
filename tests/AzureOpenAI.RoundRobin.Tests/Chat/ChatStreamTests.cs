using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chat;

/// <summary>Streams: how they are opened, failed over, read and disposed.</summary>
public class ChatStreamTests
{
    [Fact]
    public async Task SynchronousFailure_EndsSynchronously()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "one");
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", null, TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await updates.MoveNextAsync());

        ValueTask<bool> next = updates.MoveNextAsync();

        Assert.True(next.IsFaulted);
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await next);
    }

    [Fact]
    public async Task CreatingTheStream_Throws_FailsOver()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => throw new InvalidOperationException("no stream");

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, pool.StatusOf(0).Failed);
    }

    [Fact]
    public async Task CreatingTheEnumerator_Throws_FailsOver()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream { OnOpen = () => throw new InvalidOperationException("no enumerator") };

        Assert.Equal("b", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task FirstMoveNext_Throws_FailsOverAndDisposes()
    {
        using FakePool pool = new(2);
        FakeStream stream = new() { OnMove = _ => throw new InvalidOperationException("no move") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, stream.Disposals);
        Assert.Equal(1, pool.Clients[1].EnumeratorsDisposed);
    }

    [Fact]
    public async Task FirstCurrent_Throws_FailsOverAndDisposes()
    {
        using FakePool pool = new(2);
        FakeStream stream = new() { OnCurrent = _ => throw new InvalidOperationException("no current") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, stream.Disposals);
    }

    [Fact]
    public async Task Dispose_ThrowsAfterAFailureBeforeContent_IsSwallowed()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream
        {
            OnMove = _ => throw new InvalidOperationException("no move"),
            OnDispose = () => throw new InvalidOperationException("no end"),
        };

        Assert.Equal("b", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task Dispose_ThrowsAfterTheEnd_ReachesTheCaller()
    {
        using FakePool pool = new(2);
        InvalidOperationException failure = new("no end");
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream { OnDispose = () => throw failure };

        Assert.Same(failure, await Assert.ThrowsAsync<InvalidOperationException>(() => pool.AskAsync(streaming: true)));
        Assert.Equal(0, pool.InFlight);
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task Abandoned_AfterContent_IsDisposedAndCountsAsServed()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "one", "two", "three");

        await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.Equal("one", update.Text);
            break;
        }

        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
        Assert.Equal((0, 1L, 0L), (pool.InFlight, pool.StatusOf(0).Answered, pool.StatusOf(0).Failed));
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Fact]
    public async Task Abandoned_WhileHeldUpdatesArePassedOn_IsDisposed()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "", "", "three");

        await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
        {
            break;
        }

        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
        Assert.Equal(0, pool.InFlight);
    }

    [Fact]
    public async Task NotEnumerated_CostsNothing()
    {
        using FakePool pool = new(2);

        _ = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal("a", await pool.AskAsync());
    }

    [Fact]
    public async Task EnumeratedTwice_IsTwoCalls()
    {
        using FakePool pool = new(2);
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        List<ChatResponseUpdate> first = await stream.ToListAsync(TestContext.Current.CancellationToken);
        List<ChatResponseUpdate> second = await stream.ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["a", "b"], [first[0].Text, second[0].Text]);
    }

    [Fact]
    public async Task EnumeratedTwiceAtTheSameTime_IsTwoCallsThatDoNotMix()
    {
        using FakePool pool = new(2);
        CancellationToken token = TestContext.Current.CancellationToken;
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Updates(token, "a1", "a2");
        pool.Clients[1].OnStream = (_, _, _) => FakeChatClient.Updates(token, "b1", "b2");
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: token);

        string texts = "";
        await using IAsyncEnumerator<ChatResponseUpdate> first = stream.GetAsyncEnumerator(token);
        await using IAsyncEnumerator<ChatResponseUpdate> second = stream.GetAsyncEnumerator(token);
        while (await first.MoveNextAsync() & await second.MoveNextAsync())
        {
            texts += first.Current.Text + second.Current.Text;
        }

        Assert.Equal("a1b1a2b2", texts);
    }

    [Fact]
    public async Task DisposedTwice_DisposesTheEndpointsStreamOnce()
    {
        using FakePool pool = new(1);
        FakeStream inner = new() { Length = 2 };
        pool.Clients[0].OnStream = (_, _, _) => inner;
        IAsyncEnumerator<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await stream.MoveNextAsync());

        await stream.DisposeAsync();
        await stream.DisposeAsync();

        Assert.False(await stream.MoveNextAsync());
        Assert.Equal((1, 0), (inner.Disposals, pool.InFlight));
    }

    [Fact]
    public async Task ManyThreads_StreamsAreWholeAndNameTheirEndpoint()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" && pool.Service.Requests.Length % 3 == 0 ? FakeService.Refusal(500) : null;

        await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => Task.Run(async () =>
        {
            ChatResponse response = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
                .ToChatResponseAsync(TestContext.Current.CancellationToken);
            Assert.Contains(response.Text, new[] { "one", "two" });
            Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
            Assert.Equal(response.Text, response.AdditionalProperties!["azure_openai.round_robin.endpoint"]);
        })));
    }
}
