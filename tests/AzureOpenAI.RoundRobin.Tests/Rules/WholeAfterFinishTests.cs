using System.Net;
using System.Net.Http.Headers;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>After the finish reason an answer is whole: what becomes of the rest of its stream costs neither the caller nor the endpoint anything.</summary>
[Trait("Rule", "R12")]
public class WholeAfterFinishTests
{
    private const string Finish = "\"stop\"";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("stop", "reset")]
    [InlineData("length", "reset")]
    [InlineData("content_filter", "reset")]
    [InlineData("stop", "nonsense")]
    [InlineData("stop", "half a usage")]
    [InlineData("stop", "end")]
    public async Task SdkBacked_BreaksOffAfterTheFinish_EndsWell(string finish, string how)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = _ => Breaking(how, Chunk("""{"role":"assistant","content":"text"}"""), Chunk("{}", $"\"{finish}\""));

        Assert.Equal("text", await pool.AskAsync(streaming: true));
        AssertAnswered(pool.Pool.GetStatus()[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SdkBacked_SilentAfterTheFinish_EndsWellAfterFiveSeconds(bool isUnlimited)
    {
        using ServicePool pool = new(["one", "two"], configure: options => options.AttemptTimeout = isUnlimited ? Timeout.InfiniteTimeSpan : options.AttemptTimeout);
        pool.Service.On = _ => Breaking("silence", Chunk("""{"role":"assistant","content":"text"}"""), Chunk("{}", Finish));
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await updates.MoveNextAsync());
        Assert.True(await updates.MoveNextAsync());
        Assert.Equal(ChatFinishReason.Stop, updates.Current.FinishReason);

        Task<bool> move = updates.MoveNextAsync().AsTask();
        pool.Time.Advance(TimeSpan.FromSeconds(4.999));
        Assert.False(move.IsCompleted);
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));

        Assert.False(await move);
        AssertAnswered(pool.Pool.GetStatus()[0]);
    }

    [Fact]
    public async Task SdkBacked_CallerCancelsAfterTheFinish_IsCancelled()
    {
        using ServicePool pool = new(["one", "two"]);
        using CancellationTokenSource caller = new();
        pool.Service.On = _ => Breaking("silence", Chunk("""{"role":"assistant","content":"text"}"""), Chunk("{}", Finish));
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: caller.Token).GetAsyncEnumerator(Cancellation);
        Assert.True(await updates.MoveNextAsync());
        Assert.True(await updates.MoveNextAsync());

        Task<bool> move = updates.MoveNextAsync().AsTask();
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => move);
    }

    /// <summary>The SDK's adapter passes tool calls on after the end of the stream, so a caller would go without them.</summary>
    [Theory]
    [InlineData("tool_calls")]
    [InlineData("stop")]
    public async Task SdkBacked_ToolCallIsNotPassedOnYet_IsInterrupted(string finish)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = _ => Breaking(
            "reset", Chunk("""{"role":"assistant","content":"text"}"""),
            Chunk("""{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"write","arguments":"{}"}}]}"""), Chunk("{}", $"\"{finish}\""));

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
    }

    /// <summary>Options of the SDK's own may ask for several choices, of which only the text can be seen: the finish of one is not the end of all.</summary>
    [Fact]
    public async Task SdkBacked_SeveralChoices_FinishOfOneIsNotTheEnd()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = _ => Breaking("reset", Chunk("""{"role":"assistant","content":"text"}"""), Chunk("{}", Finish));

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(
            () => pool.AskAsync(streaming: true, new ChatOptions { RawRepresentationFactory = static _ => new OpenAI.Chat.ChatCompletionOptions() }));
    }

    [Fact]
    public async Task SdkBacked_FinishWithoutContent_IsNotPassedOnAndFailsOver()
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? Breaking("reset", Chunk("""{"role":"assistant","content":""}"""), Chunk("{}", Finish)) : null;

        Assert.Equal("two", await pool.AskAsync(streaming: true));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ReadyMade_BreaksOffAfterTheFinish_EndsWell(bool finishHasContent)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => Sent(finishHasContent
            ? [new(ChatRole.Assistant, "text") { FinishReason = ChatFinishReason.Stop }]
            : [new(ChatRole.Assistant, "text"), new() { FinishReason = ChatFinishReason.Stop }]);

        Assert.Equal("text", await pool.AskAsync(streaming: true));
        AssertAnswered(pool.StatusOf(0));
        Assert.Equal(1, pool.Clients[0].EnumeratorsDisposed);
    }

    public static TheoryData<string> NotTheEnd => ["more text", "tool calls", "called tools", "unknown"];

    [Theory]
    [MemberData(nameof(NotTheEnd))]
    public async Task ReadyMade_FinishIsNotTheEnd_IsInterrupted(string what)
    {
        using FakePool pool = new(2);
        ChatResponseUpdate text = new(ChatRole.Assistant, "text"), stop = new() { FinishReason = ChatFinishReason.Stop };
        pool.Clients[0].OnStream = (_, _, _) => Sent(what switch
        {
            "more text" => [text, stop, new(ChatRole.Assistant, "more")],
            "tool calls" => [text, new() { FinishReason = ChatFinishReason.ToolCalls }],
            "called tools" => [text, new(ChatRole.Assistant, [new FunctionCallContent("1", "f")]), stop],
            _ => [text, stop, new() { FinishReason = new ChatFinishReason("pause_turn") }],
        });

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
    }

    private static void AssertAnswered(EndpointStatus status) =>
        Assert.Equal((1L, 0L, 0, EndpointState.Healthy), (status.Answered, status.Failed, status.InFlight, status.State));

    private static string Chunk(string delta, string finish = "null") =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}""";

    private static HttpResponseMessage Breaking(string how, params string[] events)
    {
        string text = string.Concat(events.Select(static data => $"data: {data}\n\n"));
        Stream body = how switch
        {
            "nonsense" => new FakeService.OneWay(text + "data: nonsense\n\n"),
            "half a usage" => new FakeService.OneWay(text + "data: {\"choices\":[],\"usage\":{\n\n"),
            "end" => new FakeService.OneWay(text),
            _ => new CutStream(text, isSilent: how == "silence"),
        };
        return new(HttpStatusCode.OK) { Content = new StreamContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("text/event-stream") } } };
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Sent(params ChatResponseUpdate[] updates)
    {
        foreach (ChatResponseUpdate update in updates)
        {
            yield return update;
        }

        await Task.CompletedTask;
        throw FakeFailure.Reset();
    }
}
