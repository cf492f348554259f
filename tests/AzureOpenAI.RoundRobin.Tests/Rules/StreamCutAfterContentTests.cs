using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A stream that breaks off after content: an exception that says where, no failover, and the endpoint is ejected from the first on.</summary>
[Trait("Rule", "5.7")]
public class StreamCutAfterContentTests
{
    [Fact]
    public async Task FirstCut_Ejects_ForLongerEachTime()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "content");
        foreach (double seconds in new double[] { 2, 4, 8 })
        {
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskInTurnOfAsync(0, streaming: true));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailureAfterContent_ThrowsInterrupted_AndNeverFailsOver(bool asynchronously)
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
    public async Task CurrentThrowsAfterContent_ThrowsInterrupted()
    {
        using FakePool pool = new(2);
        InvalidOperationException failure = new("no current");
        FakeStream stream = new() { Length = 3, OnCurrent = i => i == 1 ? throw failure : new(ChatRole.Assistant, "x") };
        pool.Clients[0].OnStream = (_, _, _) => stream;

        ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Same(failure, cut.InnerException);
        Assert.Equal(1, stream.Disposals);
    }

    [Fact]
    public async Task RequestFaultAfterContent_SurfacesAsItself_AndEjectsNoEndpoint()
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.Status(400);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(failure, "x");

        Assert.Same(failure, await Assert.ThrowsAsync<System.ClientModel.ClientResultException>(() => pool.AskAsync(streaming: true)));
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Fact]
    public async Task InterruptedStream_ReadOn_StaysEnded()
    {
        using FakePool pool = new(1);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "x");
        await using IAsyncEnumerator<ChatResponseUpdate> updates = Open(pool);
        Assert.True(await updates.MoveNextAsync());

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await updates.MoveNextAsync());

        Assert.False(await updates.MoveNextAsync());
    }

    private static IAsyncEnumerator<ChatResponseUpdate> Open(FakePool pool) =>
        pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);

    private static async IAsyncEnumerable<ChatResponseUpdate> Breaking(
        Exception failure, Task gate, string first, string second, [EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, first);
        yield return new ChatResponseUpdate(ChatRole.Assistant, second);
        await gate.WaitAsync(token);
        throw failure;
    }
}
