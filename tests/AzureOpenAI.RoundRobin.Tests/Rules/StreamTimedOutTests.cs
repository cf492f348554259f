using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Deadlines of a stream: to the first content, and between updates.</summary>
[Trait("Rule", "5.3")]
public class StreamTimedOutTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task AttemptTimeout_BetweenUpdates_CutsTheStream()
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Limit);
        TaskCompletionSource never = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(never.Task, token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await updates.MoveNextAsync());
        pool.Time.Advance(3 * Limit);

        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(move.IsCompleted);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await move);
        Assert.Equal("a", cut.EndpointName);
        Assert.IsAssignableFrom<OperationCanceledException>(cut.InnerException);
        await updates.DisposeAsync();
        Assert.Equal(2, pool.OutFor(0));
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task AttemptTimeout_WhileTheConsumerIsBusy_DoesNotRun()
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(gate.Task, token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);

        string text = "";
        pool.Time.Advance(2 * Limit);
        Assert.True(await updates.MoveNextAsync());
        text += updates.Current.Text;
        pool.Time.Advance(2 * Limit);
        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(Limit / 2);
        gate.SetResult();
        Assert.True(await move);
        text += updates.Current.Text;
        pool.Time.Advance(2 * Limit);
        Assert.False(await updates.MoveNextAsync());

        Assert.Equal("onetwo", text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task AttemptTimeout_WhileUpdatesTrickle_CountsFromTheLast(int updates)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        TaskCompletionSource[] gates = [.. Enumerable.Range(0, updates).Select(_ => new TaskCompletionSource())];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "x", token);
        Task<string> call = pool.AskAsync(streaming: true);

        foreach (TaskCompletionSource gate in gates)
        {
            pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
            gate.SetResult();
        }

        Assert.Equal(new string('x', updates), await call);
    }

    [Fact]
    public async Task FirstContentTimeout_OnlyEmptyUpdates_FailsOver()
    {
        using FakePool pool = new(2, options => options.FirstContentTimeout = TimeSpan.FromSeconds(2));
        TaskCompletionSource[] gates = [new(), new(), new()];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "", token);
        Task<string> call = pool.AskAsync(streaming: true);

        pool.Time.Advance(TimeSpan.FromSeconds(1));
        gates[0].SetResult();
        pool.Time.Advance(TimeSpan.FromSeconds(0.999));
        Assert.False(call.IsCompleted);
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));

        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-0.001)]
    public async Task FirstContentTimeout_AfterContent_DoesNotRun(double attemptTimeout)
    {
        using FakePool pool = new(2, options =>
        {
            // The second is infinite: then nothing is awaited with an end once the content has come.
            options.AttemptTimeout = TimeSpan.FromSeconds(attemptTimeout);
            options.FirstContentTimeout = TimeSpan.FromSeconds(2);
        });
        TaskCompletionSource[] gates = [new(), new()];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "x", token);
        Task<string> call = pool.AskAsync(streaming: true);

        gates[0].SetResult();
        pool.Time.Advance(TimeSpan.FromSeconds(60));
        gates[1].SetResult();

        Assert.Equal("xx", await call);
    }

    [Fact]
    public async Task FirstContentTimeout_CallWithoutStream_DoesNotRun()
    {
        using FakePool pool = new(2, options => options.FirstContentTimeout = TimeSpan.FromSeconds(2));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync();

        pool.Time.Advance(TimeSpan.FromSeconds(60));
        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await call);
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Pausing(
        Task gate, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, "one");
        await gate.WaitAsync(token);
        yield return new ChatResponseUpdate(ChatRole.Assistant, "two");
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Trickling(
        TaskCompletionSource[] gates, string text, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        foreach (TaskCompletionSource gate in gates)
        {
            await gate.Task.WaitAsync(token);
            yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        }
    }
}
