using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A stream commits to its endpoint at its first content; what comes before is held, and then passed on in order.</summary>
[Trait("Rule", "5")]
public class StreamCommitsAtFirstContentTests
{
    public static TheoryData<string> Contents => ["text", "reasoning", "secret reasoning", "call", "refusal", "data", "uri"];

    [Theory]
    [MemberData(nameof(Contents))]
    public async Task ContentOfAnyKind_Commits(string kind)
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

    [Fact]
    public async Task EmptyStream_ThatEndsWell_IsASuccess()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token);

        Assert.Equal("", await pool.AskAsync(streaming: true));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal((1L, 0L), (pool.StatusOf(0).Answered, pool.StatusOf(0).Failed));
        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
    }

    [Fact]
    public async Task StreamWithoutContent_ThatEndsWell_IsPassedOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "", "", "");

        List<ChatResponseUpdate> seen = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(3, seen.Count);
        Assert.Equal(1, pool.StatusOf(0).Answered);
    }
}
