using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Tests.Rules.Responses;

/// <summary>Answers of the Responses API are judged by their own status and events, which the SDK's adapter passes on without an exception.</summary>
public sealed class WhenAResponseIsWholeTests
{
    public enum Broken
    {
        ErrorEvent,
        Failed,
        Ended,
    }

    [Theory]
    [InlineData("completed", "", "stop")]
    [InlineData("incomplete", "max_output_tokens", "length")]
    [InlineData("incomplete", "content_filter", "content_filter")]
    [InlineData("incomplete", "tired", "tired")]
    public async Task FinishReason_IsSetFromTheStatus(string status, string reason, string expected)
    {
        using FakePool pool = new(1);
        string more = reason.Length == 0 ? "" : $",\"incomplete_details\":{{\"reason\":\"{reason}\"}}";
        pool.Clients[0].Speaks(
            () => FakeResponses.Whole("hello", status, more),
            FakeResponses.Created, () => FakeResponses.Text("hello"), reason.Length == 0 ? FakeResponses.Completed : () => FakeResponses.Incomplete(reason));

        ChatResponse whole = await pool.Client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        ChatResponse streamed = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).ToChatResponseAsync(TestContext.Current.CancellationToken);

        Assert.Equal([(expected, "hello"), (expected, "hello")], [(whole.FinishReason?.Value, whole.Text), (streamed.FinishReason?.Value, streamed.Text)]);
    }

    [Fact]
    public async Task FinishReason_WithCallsOfTools_IsToolCalls()
    {
        using FakePool pool = new(1);
        FunctionCallContent call = new("call_1", "forecast");
        pool.Clients[0].Speaks(
            () => new(new ChatMessage(ChatRole.Assistant, [call])) { RawRepresentation = FakeResponses.Whole("").RawRepresentation },
            FakeResponses.Created, () => new ChatResponseUpdate(ChatRole.Assistant, [call]), FakeResponses.Completed);

        ChatResponse whole = await pool.Client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        ChatResponse streamed = await pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).ToChatResponseAsync(TestContext.Current.CancellationToken);

        Assert.Equal([ChatFinishReason.ToolCalls, ChatFinishReason.ToolCalls], [whole.FinishReason, streamed.FinishReason]);
    }

    [Theory]
    [InlineData("queued")]
    [InlineData("in_progress")]
    [InlineData("cancelled")]
    public async Task Job_ThatHasNotEnded_IsAGoodAnswerWithoutAFinishReason(string status)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(FakeResponses.Whole("", status));

        ChatResponse response = await pool.Client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Null(response.FinishReason);
        Assert.Equal([1, 0], pool.Calls);
    }

    [Theory]
    [InlineData("rate_limit_exceeded", EndpointFailureReason.RateLimited)]
    [InlineData("server_error", EndpointFailureReason.Failed)]
    [InlineData("vector_store_timeout", EndpointFailureReason.Failed)]
    public async Task Failed_OfTheEndpoint_FailsOver_WhetherTheAnswerIsThereAtOnceOrNot(string code, EndpointFailureReason reason)
    {
        foreach (bool later in new[] { false, true })
        {
            using FakePool pool = new(2);
            pool.Clients[0].OnCall = async (_, _, _) =>
            {
                await (later ? Task.Yield() : default);
                return Failed(code);
            };
            if (!later)
            {
                pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(Failed(code));
            }

            Assert.Equal("b", await pool.AskAsync());
            Assert.Equal(reason, pool.Pool.GetStatus()[0].LastError!.Reason);
        }
    }

    [Theory]
    [InlineData("invalid_prompt")]
    [InlineData("image_too_large")]
    public async Task Failed_OfTheRequest_SurfacesAtOnce_AndBlamesNobody(string code)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnCall = (_, _, _) => Task.FromResult(Failed(code));

        ClientResultException exception = await Assert.ThrowsAnyAsync<ClientResultException>(() => pool.AskAsync());

        Assert.Contains(code, exception.Message, StringComparison.Ordinal);
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(Broken.ErrorEvent)]
    [InlineData(Broken.Failed)]
    [InlineData(Broken.Ended)]
    public async Task Stream_BrokenBeforeContent_FailsOver(Broken broken)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeResponses.Stream(token, [FakeResponses.Created(), .. End(broken)]);

        Assert.Equal("b", await pool.AskAsync(streaming: true));
        Assert.Equal(1, pool.Pool.GetStatus()[0].Failed);
    }

    [Theory]
    [InlineData(Broken.ErrorEvent)]
    [InlineData(Broken.Failed)]
    [InlineData(Broken.Ended)]
    public async Task Stream_BrokenAfterContent_IsInterrupted(Broken broken)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeResponses.Stream(token, [FakeResponses.Created(), FakeResponses.Text("half"), .. End(broken)]);

        ChatStreamInterruptedException exception = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Equal("a", exception.EndpointName);
        Assert.Equal(broken != Broken.Ended, exception.Message.Contains("It broke.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stream_WhoseClientCallsTheToolsItself_IsJudgedByItsLastResponse()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeResponses.Stream(
            token, FakeResponses.Created(), FakeResponses.Text("one "), FakeResponses.Completed(), FakeResponses.Created(), FakeResponses.Text("two"));

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
    }

    [Fact]
    public async Task Stream_WithAnEventOfAnUnknownType_GoesOn()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, token) => FakeResponses.Stream(
            token, FakeResponses.Created(), FakeResponses.Event("response.new_thing", "\"x\":1"), FakeResponses.Text("hello"), FakeResponses.Completed());

        Assert.Equal("hello", await pool.AskAsync(streaming: true));
    }

    private static ChatResponse Failed(string code) => FakeResponses.Whole("", "failed", $",\"error\":{{\"code\":\"{code}\",\"message\":\"It broke.\"}}");

    private static ChatResponseUpdate[] End(Broken broken) => broken switch
    {
        Broken.ErrorEvent => [FakeResponses.Error("server_error")],
        Broken.Failed => [FakeResponses.Failed("server_error")],
        _ => [],
    };
}
