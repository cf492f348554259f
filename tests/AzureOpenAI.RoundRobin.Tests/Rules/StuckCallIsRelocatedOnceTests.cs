using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using static AzureOpenAI.RoundRobin.Tests.Rules.StalledPool;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Calls at a stalled endpoint are relocated, not doubled: once per call, at the pace of the budget, never after content, never for InvokeAsync.</summary>
[Trait("Rule", "5.9")]
public class StuckCallIsRelocatedOnceTests
{
    [Fact]
    public async Task StuckCall_IsRelocatedOnce()
    {
        using FakePool pool = new(3);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        pool.Clients[0].Hold();
        Task<string>[] calls = AskInTwoHalves(pool, 120, streaming: false);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        HeldCall first = pool.Clients[0].Held[0];
        pool.Clients[1].Hold();
        pool.Clients[2].Hold();

        pool.Time.Advance(TimeSpan.FromSeconds(2.1));
        await pool.SettleAsync();
        Assert.True(first.Token.IsCancellationRequested);
        HeldCall again = pool.Clients[1].Held[0];
        pool.Clients[2].OnCall = (_, _, _) => Task.FromResult(FakeChatClient.Answer("c"));
        Task<string>[] more = [];
        while (pool.StateOf(1) != EndpointState.Unavailable)
        {
            Assert.True(more.Length < 300);
            more = [.. more, .. Ask(pool, 1, streaming: false)];
            pool.Time.Advance(more.Length == 30 ? StallTest.LeastWait : TimeSpan.Zero);
        }

        for (int i = 0; i < 50; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.2));
        }

        Assert.False(again.Token.IsCancellationRequested);
        Assert.Contains(pool.Clients[1].Held, call => call.Token.IsCancellationRequested);
        AnswerAll(pool.Clients[0]);
        AnswerAll(pool.Clients[1]);
        AnswerAll(pool.Clients[2]);
        await Task.WhenAll([.. calls, .. more]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task StuckCalls_AreRelocatedOldestFirst_AtThePaceOfTheBudget(bool streaming, bool leaves)
    {
        (FakePool pool, Task<string>[] calls) = Silent(streaming, longest: TimeSpan.FromSeconds(1));
        using (pool)
        {
            if (leaves)
            {
                // An operator takes out what hangs.
                pool.Update("b");
            }

            HeldCall[] held = pool.Clients[0].Held;
            pool.Time.Advance(TimeSpan.FromSeconds(1.9) - StallTest.LeastWait);
            Assert.Equal(held.Length, pool.Clients[0].Running);

            pool.Time.Advance(TimeSpan.FromSeconds(0.2));
            await pool.SettleAsync();

            int moved = held.Count(call => call.Token.IsCancellationRequested);
            Assert.InRange(moved, 10, 13);
            Assert.All(held[..moved], call => Assert.True(call.Token.IsCancellationRequested));
            for (int i = 0; i < 20; i++)
            {
                pool.Time.Advance(TimeSpan.FromSeconds(0.1));
                await pool.SettleAsync();
            }

            Assert.Equal(0, pool.Clients[0].Running);
            Assert.All(await Task.WhenAll(calls), answer => Assert.Equal("b", answer));
        }
    }

    [Theory]
    [InlineData(true)]
    // So much was held without content that it was passed on.
    [InlineData(false)]
    public async Task StreamThatReachedItsCaller_IsNeverRelocated(bool content)
    {
        using FakePool pool = new(2);
        await TimeAnAnswerAsync(pool, TimeSpan.FromSeconds(1));
        List<CancellationToken> tokens = [];
        int passedOn = 0;
        TaskCompletionSource first = new();
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => StreamAsync(token);
        Task<string>[] streams = Ask(pool, 6, streaming: true);
        Assert.Equal(3, tokens.Count);
        first.SetResult();
        await Eventually.TrueAsync(() => Volatile.Read(ref passedOn) == 3);
        pool.Clients[0].Hold();
        Task<string>[] calls = AskInTwoHalves(pool, 80, streaming: true);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));

        for (int i = 0; i < 30; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.3));
            await pool.SettleAsync(paused: 3);
        }

        Assert.Equal(0, pool.Clients[0].Running);
        Assert.All(tokens, token => Assert.False(token.IsCancellationRequested));
        gate.SetResult();
        Assert.Equal(3, (await Task.WhenAll(streams)).Count(text => text == (content ? "so far and on" : "and on")));
        await Task.WhenAll(calls);

        async IAsyncEnumerable<ChatResponseUpdate> StreamAsync([EnumeratorCancellation] CancellationToken token)
        {
            tokens.Add(token);
            await first.Task;
            yield return content
                ? new ChatResponseUpdate(ChatRole.Assistant, "so far ")
                : new ChatResponseUpdate(ChatRole.Assistant, []) { RawRepresentation = new byte[(1024 * 1024) + 1] };
            Interlocked.Increment(ref passedOn);
            await gate.Task;
            yield return new ChatResponseUpdate(ChatRole.Assistant, "and on");
        }
    }

    [Theory]
    [InlineData(null)]
    // With a limit each pick looks for room, so that no attempt is begun by the quick way.
    [InlineData(600_000)]
    public async Task OperationOfInvokeAsync_IsNeverRelocated(int? requestsPerMinute)
    {
        using ServicePool pool = new(["a", "b"], (_, entry) => entry.RequestsPerMinute = requestsPerMinute);
        TaskCompletionSource<int> gate = new();
        List<CancellationToken> tokens = [];
        Task<int>[] calls = [.. Enumerable.Range(0, 60).Select(i => pool.Pool.InvokeAsync(
            (client, token) =>
            {
                pool.Time.Advance(i == 30 ? StallTest.LeastWait : TimeSpan.Zero);
                if (client.EndpointName != "a")
                {
                    return Task.FromResult(0);
                }

                tokens.Add(token);
                return gate.Task;
            },
            cancellationToken: TestContext.Current.CancellationToken))];
        Assert.Equal(EndpointState.Unavailable, pool.StateOf("a"));

        for (int i = 0; i < 50; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.All(tokens, token => Assert.False(token.IsCancellationRequested));
        gate.SetResult(0);
        await Task.WhenAll(calls);
    }
}
