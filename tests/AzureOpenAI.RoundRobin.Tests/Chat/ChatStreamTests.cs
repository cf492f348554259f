using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chat;

/// <summary>Streams: when they commit, what is held, how they break, and that each is let go of.</summary>
public class ChatStreamTests
{
    [Fact]
    public async Task AStream_ThatBreaksWithoutWaiting_EndsWithoutWaiting()
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
    public async Task CreatingTheStream_Throws_MovesOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => throw new InvalidOperationException("no stream");

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, pool.StatusOf(0).Failed);
    }

    [Fact]
    public async Task CreatingTheEnumerator_Throws_MovesOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream { OnOpen = () => throw new InvalidOperationException("no enumerator") };

        Assert.Equal("b", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task TheFirstMove_Throws_MovesOnAndDisposes()
    {
        using FakePool pool = new(2);
        FakeStream stream = new() { OnMove = _ => throw new InvalidOperationException("no move") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, stream.Disposals);
        Assert.Equal(1, pool.Clients[1].EnumeratorsDisposed);
    }

    [Fact]
    public async Task TheFirstCurrent_Throws_MovesOnAndDisposes()
    {
        using FakePool pool = new(2);
        FakeStream stream = new() { OnCurrent = _ => throw new InvalidOperationException("no current") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, stream.Disposals);
    }

    [Fact]
    public async Task Disposal_OfAStreamThatFailedBeforeContent_ThrowsNothingToTheCaller()
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
    public async Task Disposal_AfterTheEnd_ThrowsToTheCallerAndTheAttemptIsOver()
    {
        using FakePool pool = new(2);
        InvalidOperationException failure = new("no end");
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream { OnDispose = () => throw failure };

        Assert.Same(failure, await Assert.ThrowsAsync<InvalidOperationException>(() => pool.AskAsync(streaming: true)));
        Assert.Equal(0, pool.InFlight);
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task Current_AfterContent_ThrowsAsAnInterruption()
    {
        using FakePool pool = new(2);
        InvalidOperationException failure = new("no current");
        FakeStream stream = new() { Length = 3, OnCurrent = i => i == 1 ? throw failure : new(ChatRole.Assistant, "x") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Same(failure, cut.InnerException);
        Assert.Equal(1, stream.Disposals);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AFailure_AfterContent_IsAnInterruptionAndNeverFailsOver(bool asynchronously)
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.Reset();
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => Breaking(failure, gate.Task, "one ", "two ", token);
        if (!asynchronously)
        {
            gate.SetResult();
        }

        string text = "";
        Task<ChatStreamInterruptedException> call = Assert.ThrowsAsync<ChatStreamInterruptedException>(async () =>
        {
            await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
            {
                text += update.Text;
            }
        });
        gate.TrySetResult();
        ChatStreamInterruptedException cut = await call;

        Assert.Equal("one two ", text);
        Assert.Equal("a", cut.EndpointName);
        Assert.Contains("'a'", cut.Message, StringComparison.Ordinal);
        Assert.Same(failure, cut.InnerException);
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.Equal(0, pool.InFlight);
    }

    [Fact]
    public async Task AFailure_AfterContentThatIsTheRequests_SurfacesAsItselfAndNobodyIsBlamed()
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.Status(400);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(failure, "x");

        Assert.Same(failure, await Assert.ThrowsAsync<System.ClientModel.ClientResultException>(() => pool.AskAsync(streaming: true)));
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Fact]
    public async Task AnInterruptedStream_ReadOn_StaysEnded()
    {
        using FakePool pool = new(1);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "x");
        await using IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        Assert.True(await updates.MoveNextAsync());

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await updates.MoveNextAsync());

        Assert.False(await updates.MoveNextAsync());
    }

    [Fact]
    public async Task UpdatesWithoutContent_BeforeAFailure_AreNeverPassedOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(FakeFailure.Reset(), "", "", "");
        List<ChatResponseUpdate> seen = [];

        await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
        {
            seen.Add(update);
        }

        Assert.Equal("b", Assert.Single(seen).Text);
    }

    [Fact]
    public async Task UpdatesWithoutContent_BeforeTheFirstContent_ArePassedOnInOrder()
    {
        using FakePool pool = new(2);
        ChatResponseUpdate[] sent =
        [
            new() { ResponseId = "1" }, new(ChatRole.Assistant, ""), new(ChatRole.Assistant, [new UsageContent(new())]), new(ChatRole.Assistant, "text"),
            new(ChatRole.Assistant, ""), new(ChatRole.Assistant, "more"), new() { FinishReason = ChatFinishReason.Stop },
        ];
        pool.Clients[0].OnStream = (_, _, _) => sent.ToAsyncEnumerable();

        List<ChatResponseUpdate> seen = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(sent, seen);
    }

    public static TheoryData<string> Contents => ["text", "reasoning", "secret reasoning", "call", "refusal", "data", "uri"];

    [Theory]
    [MemberData(nameof(Contents))]
    public async Task Content_OfAnyKind_Commits(string kind)
    {
        using FakePool pool = new(2);
        ChatResponseUpdate content = new(ChatRole.Assistant, [kind switch
        {
            "text" => new TextContent("x"),
            "reasoning" => new TextReasoningContent("x"),
            "secret reasoning" => new TextReasoningContent("") { ProtectedData = "x" },
            "call" => new FunctionCallContent("1", "f"),
            "refusal" => new ErrorContent("no"),
            "uri" => new UriContent("https://example.com/picture.png", "image/png"),
            _ => new DataContent(new byte[] { 1 }, "image/png"),
        }]);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream { Length = 2, OnCurrent = i => i == 0 ? content : throw FakeFailure.Reset() };

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Theory]
    [InlineData(63, false)]
    [InlineData(64, true)]
    [InlineData(200, true)]
    public async Task UpdatesWithoutContent_AreHeldUpToALimit(int empty, bool commits)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(FakeFailure.Reset(), [.. Enumerable.Repeat("", empty)]);
        int seen = 0;
        async Task ReadAsync()
        {
            await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
            {
                seen++;
            }
        }

        if (commits)
        {
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(ReadAsync);
            Assert.Equal((empty, 0), (seen, pool.Clients[1].Calls));
        }
        else
        {
            await ReadAsync();
            Assert.Equal((1, 1), (seen, pool.Clients[1].Calls));
        }
    }

    [Theory]
    [InlineData("property", 3, false)]
    [InlineData("property", 4, true)]
    [InlineData("contents", 4, true)]
    [InlineData("raw", 3, false)]
    [InlineData("raw", 4, true)]
    [InlineData("id", 4, true)]
    [InlineData("nothing", 20, false)]
    public async Task UpdatesWithoutContent_AreHeldUpTo64Kilobytes(string where, int updates, bool commits)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream
        {
            Length = updates,
            OnCurrent = _ => Padded(where),
            OnMove = i => _ = i < updates ? 0 : throw FakeFailure.Reset(),
        };

        if (commits)
        {
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
            Assert.Equal(0, pool.Clients[1].Calls);
        }
        else
        {
            Assert.Equal("b", await pool.AskAsync(streaming: true));
        }
    }

    [Fact]
    public async Task UpdatesWithoutContent_AreCountedAnewAtTheNextEndpoint()
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients.Take(2))
        {
            client.OnStream = (_, _, _) => new FakeStream { Length = 3, OnCurrent = _ => Padded("property"), OnMove = i => _ = i < 3 ? 0 : throw FakeFailure.Reset() };
        }

        Assert.Equal("c", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task AnEmptyStream_ThatEndsWell_IsASuccess()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token);

        Assert.Equal("", await pool.AskAsync(streaming: true));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal((1L, 0L), (pool.StatusOf(0).Answered, pool.StatusOf(0).Failed));
        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
    }

    [Fact]
    public async Task AStream_OfUpdatesWithoutContent_IsPassedOnWhenItEndsWell()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "", "", "");

        List<ChatResponseUpdate> seen = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(3, seen.Count);
        Assert.Equal(1, pool.StatusOf(0).Answered);
    }

    [Fact]
    public async Task TheConsumer_WalksAwayAfterContent_TheStreamIsDisposedAndTheEndpointServed()
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
    public async Task TheConsumer_WalksAwayWhileHeldUpdatesArePassedOn_TheStreamIsDisposed()
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
    public async Task AStream_ThatIsNotEnumerated_CostsNothing()
    {
        using FakePool pool = new(2);

        _ = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal("a", await pool.AskAsync());
    }

    [Fact]
    public async Task AStream_EnumeratedTwice_IsTwoCalls()
    {
        using FakePool pool = new(2);
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        List<ChatResponseUpdate> first = await stream.ToListAsync(TestContext.Current.CancellationToken);
        List<ChatResponseUpdate> second = await stream.ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["a", "b"], [first[0].Text, second[0].Text]);
    }

    [Fact]
    public async Task AStream_EnumeratedTwiceAtTheSameTime_IsTwoCallsThatDoNotMix()
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
    public async Task AStream_DisposedTwice_LetsGoOfTheEndpointsStreamOnce()
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
    public async Task BuiltStreams_OfManyThreads_AreWholeAndSayWhereTheyComeFrom()
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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Origin_OfABuiltEndpointsAnswer_IsInItsProperties(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(429) : null;
        CancellationToken token = TestContext.Current.CancellationToken;

        AdditionalPropertiesDictionary properties = streaming
            ? (await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: token).ToListAsync(token))[0].AdditionalProperties!
            : (await pool.Client.GetResponseAsync("hi", cancellationToken: token)).AdditionalProperties!;

        Assert.Equal("two", properties["azure_openai.round_robin.endpoint"]);
        Assert.Equal(2, properties["azure_openai.round_robin.attempts"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Origin_OfAReadyMadeClientsAnswer_IsNotTouched(bool streaming)
    {
        using FakePool pool = new(1);
        ChatResponse response = FakeChatClient.Answer("a");
        ChatResponseUpdate sent = new(ChatRole.Assistant, "a");
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(response);
        pool.Clients[0].OnStream = (_, _, _) => new[] { sent }.ToAsyncEnumerable();
        CancellationToken token = TestContext.Current.CancellationToken;

        if (streaming)
        {
            Assert.Same(sent, Assert.Single(await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: token).ToListAsync(token)));
            Assert.Null(sent.AdditionalProperties);
        }
        else
        {
            Assert.Same(response, await pool.Client.GetResponseAsync("hi", cancellationToken: token));
            Assert.Null(response.AdditionalProperties);
        }
    }

    private static IAsyncEnumerator<ChatResponseUpdate> Open(FakePool pool) =>
        pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);

    /// <summary>An update without content that weighs 20 kB.</summary>
    private static ChatResponseUpdate Padded(string where)
    {
        string padding = new('p', 10_000);
        return where switch
        {
            "property" => new() { AdditionalProperties = new() { ["padding"] = padding } },
            "contents" => new() { Contents = [new UsageContent(new()) { AdditionalProperties = new() { ["padding"] = BinaryData.FromString(padding + padding) } }] },
            "raw" => new() { RawRepresentation = new byte[20_000] },
            "id" => new() { MessageId = padding },
            _ => new() { RawRepresentation = new object() },
        };
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Breaking(
        Exception failure, Task gate, string first, string second, [EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, first);
        yield return new ChatResponseUpdate(ChatRole.Assistant, second);
        await gate.WaitAsync(token);
        throw failure;
    }
}
