using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What the caller has not seen is not committed: updates without content are held up to 1 MiB, and the time to the first content counts until it comes.</summary>
[Trait("Rule", "R13")]
public class UnseenIsNotCommittedTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData(64)]
    [InlineData(2000)]
    public async Task UpdatesWithoutContent_OfWhateverNumber_FailOver(int updates)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(FakeFailure.Reset(), [.. Enumerable.Repeat("", updates)]);

        Assert.Equal(1, await CountAsync(pool));
        Assert.Equal(1, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task UpdatesWithoutContent_OfWhateverNumber_ArePassedOnInOrder()
    {
        using FakePool pool = new(2);
        ChatResponseUpdate[] sent = [.. Enumerable.Range(0, 2000).Select(static i => new ChatResponseUpdate { MessageId = $"{i}" }), new(ChatRole.Assistant, "text")];
        pool.Clients[0].OnStream = (_, _, _) => sent.ToAsyncEnumerable();

        Assert.Equal(sent, await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(1000, false)]
    [InlineData(6000, true)]
    public async Task ToolCallOfManyTokens_IsCutBeforeItsEnd_FailsOverUpToOneMebibyte(int tokens, bool commits)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? Cut(ToolCall(tokens)) : null;
        ChatOptions options = new() { Tools = [AIFunctionFactory.Create(static (string text) => text, "write")] };

        if (commits)
        {
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true, options));
            Assert.Single(pool.Service.Requests);
        }
        else
        {
            Assert.Equal("two", await pool.AskAsync(streaming: true, options));
        }
    }

    [Fact]
    public async Task ToolCallOfManyTokens_ComesWhole()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = _ => FakeService.Events([.. ToolCall(1000), Chunk("{}", "\"tool_calls\"")]);
        ChatOptions options = new() { Tools = [AIFunctionFactory.Create(static (string text) => text, "write")] };

        ChatResponse response = await pool.Client.GetStreamingResponseAsync("hi", options, TestContext.Current.CancellationToken)
            .ToChatResponseAsync(TestContext.Current.CancellationToken);

        FunctionCallContent call = Assert.Single(response.Messages.SelectMany(static message => message.Contents).OfType<FunctionCallContent>());
        Assert.Equal(new string('x', 1000), call.Arguments!["text"]!.ToString());
    }

    [Fact]
    public async Task FirstContentTimeout_ToolCallHasBegun_CountsNoMore()
    {
        using ServicePool pool = new(["one", "two"], configure: static options => (options.FirstContentTimeout, options.MaxWait) = (Limit, TimeSpan.Zero));
        string[] events = [.. ToolCall(100), Chunk("{}", "\"tool_calls\"")];
        pool.Service.On = _ => new(HttpStatusCode.OK) { Content = new StreamContent(new PacedStream(events, () => pool.Time.Advance(TimeSpan.FromSeconds(1)))) { Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") } } };

        await pool.AskAsync(streaming: true, new ChatOptions { Tools = [AIFunctionFactory.Create(static (string text) => text, "write")] });

        Assert.Single(pool.Service.Requests);
    }

    [Theory]
    [InlineData("property", 5, false)]
    [InlineData("property", 6, true)]
    [InlineData("contents", 6, true)]
    [InlineData("raw", 5, false)]
    [InlineData("raw", 6, true)]
    [InlineData("id", 6, true)]
    [InlineData("nothing", 2000, false)]
    [InlineData("nothing", 3000, true)]
    public async Task UpdatesWithoutContent_AreHeldUpToOneMebibyte(string where, int updates, bool commits)
    {
        using FakePool pool = new(2);
        ChatResponseUpdate padded = Padded(where);
        pool.Clients[0].OnStream = (_, _, _) => new FakeStream
        {
            Length = updates,
            OnCurrent = _ => padded,
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
            client.OnStream = (_, _, _) => new FakeStream { Length = 5, OnCurrent = _ => Padded("property"), OnMove = i => _ = i < 5 ? 0 : throw FakeFailure.Reset() };
        }

        Assert.Equal("c", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task FirstContentTimeout_UpdatesWithoutContentAreThereAtOnce_FailsOver()
    {
        using FakePool pool = new(2, static options => options.FirstContentTimeout = Limit);
        pool.Clients[0].OnStream = (_, _, _) => Endless(pool, static () => new ChatResponseUpdate());

        Assert.Equal("b", await pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task FirstContentTimeout_AfterMuchWithoutContentWasPassedOn_EndsTheStream()
    {
        using FakePool pool = new(2, static options => options.FirstContentTimeout = Limit);
        pool.Clients[0].OnStream = (_, _, _) => Endless(pool, static () => Padded("property"));

        ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
        Assert.IsType<TimeoutException>(cut.InnerException);
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-0.001)]
    public async Task FirstContentTimeout_SilenceAfterMuchWithoutContentWasPassedOn_EndsTheStream(double attemptTimeout)
    {
        using FakePool pool = new(2, options =>
        {
            options.AttemptTimeout = TimeSpan.FromSeconds(attemptTimeout);
            options.FirstContentTimeout = Limit;
        });
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(gate.Task, "", token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        for (int i = 0; i < 6; i++)
        {
            Assert.True(await updates.MoveNextAsync());
        }

        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(move.IsCompleted);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(move.IsCompleted);
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await move);
    }

    [Fact]
    public async Task FirstContentTimeout_ContentAfterMuchWithoutContentWasPassedOn_CountsNoMore()
    {
        using FakePool pool = new(2, static options => options.FirstContentTimeout = Limit);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(gate.Task, "text", token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        for (int i = 0; i < 7; i++)
        {
            Assert.True(await updates.MoveNextAsync());
        }

        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(10 * Limit);
        Assert.False(move.IsCompleted);
        gate.SetResult();
        Assert.False(await move);
    }

    private static IAsyncEnumerator<ChatResponseUpdate> Open(FakePool pool) =>
        pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);

    private static async Task<int> CountAsync(FakePool pool)
    {
        int seen = 0;
        await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
        {
            seen++;
        }

        return seen;
    }

    /// <summary>One update each tenth of a second, all of them there at once, and for longer than any test takes.</summary>
    private static FakeStream Endless(FakePool pool, Func<ChatResponseUpdate> update) => new()
    {
        Length = int.MaxValue,
        OnMove = i =>
        {
            Assert.True(i < 200, "It was read for ever.");
            pool.Time.Advance(TimeSpan.FromSeconds(0.1));
        },
        OnCurrent = _ => update(),
    };

    /// <summary>1.2 MB without content, then content if there is a text, and then nothing until the gate opens.</summary>
    private static async IAsyncEnumerable<ChatResponseUpdate> Pausing(Task gate, string text, [EnumeratorCancellation] CancellationToken token)
    {
        for (int i = 0; i < 6; i++)
        {
            yield return Padded("property");
        }

        if (text.Length > 0)
        {
            yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        }

        await gate.WaitAsync(token);
    }

    private static IEnumerable<string> ToolCall(int tokens) =>
    [
        Chunk("""{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"write","arguments":"{\"text\":\""}}]}"""),
        .. Enumerable.Repeat(Chunk("""{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}"""), tokens),
        Chunk("""{"tool_calls":[{"index":0,"function":{"arguments":"\"}"}}]}"""),
    ];

    private static string Chunk(string delta, string finish = "null") =>
        $$$"""{"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1732800000,"model":"gpt-4o","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}""";

    private static HttpResponseMessage Cut(IEnumerable<string> events) => new(HttpStatusCode.OK)
    {
        Content = new StreamContent(new CutStream(string.Concat(events.Select(static data => $"data: {data}\n\n")))) { Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") } },
    };

    /// <summary>An update without content that weighs 200 kB.</summary>
    private static ChatResponseUpdate Padded(string where)
    {
        string padding = new('p', 100_000);
        return where switch
        {
            "property" => new() { AdditionalProperties = new() { ["padding"] = padding } },
            "contents" => new() { Contents = [new UsageContent(new()) { AdditionalProperties = new() { ["padding"] = BinaryData.FromString(padding + padding) } }] },
            "raw" => new() { RawRepresentation = new byte[200_000] },
            "id" => new() { MessageId = padding },
            _ => new() { RawRepresentation = new object() },
        };
    }

    /// <summary>An event after the other, and time passes between them.</summary>
    private sealed class PacedStream(string[] events, Action pause) : MemoryStream
    {
        private int _next;
        private ReadOnlyMemory<byte> _rest;

        public override bool CanSeek => false;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_rest.IsEmpty && _next < events.Length)
            {
                if (_next > 0)
                {
                    pause();
                }

                _rest = System.Text.Encoding.UTF8.GetBytes($"data: {events[_next++]}\n\n");
            }

            int count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return new(count);
        }
    }
}
