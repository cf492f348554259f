using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>After the finish reason an answer is whole, whatever becomes of the connection before the stream's own end.</summary>
[Trait("Rule", "R12")]
public sealed class StreamFinishTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("reset", false)]
    [InlineData("reset", true)]
    [InlineData("silence", false)]
    [InlineData("silence", true)]
    [InlineData("nonsense", false)]
    [InlineData("half an event", false)]
    [InlineData("half a chunk", false)]
    [InlineData("end", false)]
    public async Task What_follows_the_finish_costs_nobody_anything(string what, bool isV1)
    {
        FakeTimeProvider time = new();
        TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using RawPair pair = new(exchange => AnswerAsync(exchange, what, finished.Task), isV1, time);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pair.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).GetAsyncEnumerator(Cancellation);
        string text = "";
        do
        {
            Assert.True(await updates.MoveNextAsync());
            text += updates.Current.Text;
        }
        while (updates.Current.FinishReason is null);

        Task<bool> end = updates.MoveNextAsync().AsTask();
        finished.SetResult();
        if (what == "silence")
        {
            time.Advance(TimeSpan.FromSeconds(5));
        }

        Assert.False(await end);
        Assert.Equal("[east] text", text);
        EndpointStatus east = pair.Pool.GetStatus()[0];
        Assert.Equal((1L, 0L, 0, EndpointState.Healthy), (east.Answered, east.Failed, east.InFlight, east.State));
        Assert.Empty(pair.West.Heads);
    }

    [Fact]
    public async Task A_tool_call_that_is_not_passed_on_yet_goes_elsewhere()
    {
        await using RawPair pair = new(async exchange =>
        {
            await exchange.WriteAsync(RawServer.Head(200, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n") + Chunked(
                RawPair.Chunk("""{"role":"assistant","tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"write","arguments":""}}]}""")
                + string.Concat(Enumerable.Repeat(RawPair.Chunk("""{"tool_calls":[{"index":0,"function":{"arguments":" "}}]}"""), 500)) + RawPair.Chunk("{}", "\"tool_calls\"")));
        });

        Answer answer = await pair.Client.AskAsync(true, "hello", new ChatOptions { Tools = [AIFunctionFactory.Create(static () => 1, "write")] }, Cancellation);

        Assert.Equal(RawPair.WestText, answer.Text);
    }

    private static async Task AnswerAsync(RawExchange exchange, string what, Task finished)
    {
        await exchange.WriteAsync(RawServer.Head(200, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n") + Chunked(
            RawPair.Chunk("""{"role":"assistant","content":"[east] "}""") + RawPair.Chunk("""{"content":"text"}""") + RawPair.Chunk("{}", "\"stop\"")));
        // A reset may overtake what was sent before it.
        await finished.WaitAsync(exchange.Stop);
        switch (what)
        {
            case "reset":
                exchange.Reset();
                break;
            case "silence":
                await exchange.StallAsync();
                break;
            case "nonsense":
                await exchange.WriteAsync(Chunked("data: nonsense\n\n"));
                break;
            case "half an event":
                await exchange.WriteAsync(Chunked("data: {\"choices\":[],\"usage\":{\n\n"));
                break;
            case "half a chunk":
                await exchange.WriteAsync("7f\r\ndata: {");
                break;
            default:
                await exchange.WriteAsync("0\r\n\r\n");
                break;
        }
    }

    private static string Chunked(string text) => $"{text.Length:x}\r\n{text}\r\n";
}
