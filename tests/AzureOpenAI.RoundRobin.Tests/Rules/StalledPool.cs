using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Pools of which the first endpoint has stalled.</summary>
internal static class StalledPool
{
    public static (FakePool Pool, Task<string>[] Calls) Silent(bool streaming, TimeSpan? longest = null)
    {
        FakePool pool = new(2);
        if (longest is { } took)
        {
            Task timed = TimeAnAnswerAsync(pool, took, streaming);
            Assert.True(timed.IsCompletedSuccessfully);
        }

        pool.Clients[0].Hold();
        Task<string>[] calls = [];
        for (int i = 0; i < 80; i++)
        {
            calls = [.. calls, .. Ask(pool, 1, streaming)];
            pool.Time.Advance(i == 39 ? StallTest.LeastWait : TimeSpan.FromMilliseconds(0.1));
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        return (pool, calls);
    }

    /// <summary>Gives the last endpoint one answer that takes so long, the longest that the pool has seen.</summary>
    public static async Task TimeAnAnswerAsync(FakePool pool, TimeSpan took, bool streaming = false)
    {
        FakeChatClient last = pool.Clients[^1];
        Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, Task<ChatResponse>> before = last.OnCall;
        Func<IEnumerable<ChatMessage>, ChatOptions?, CancellationToken, IAsyncEnumerable<ChatResponseUpdate>> streams = last.OnStream;
        last.Hold();
        Task<string>[] calls = Ask(pool, pool.Clients.Length, streaming);
        pool.Time.Advance(took);
        last.Held[^1].Answer();
        await Task.WhenAll(calls);
        (last.OnCall, last.OnStream) = (before, streams);
    }

    public static Task<string>[] Ask(FakePool pool, int count, bool streaming) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync(streaming))];

    /// <summary>As <see cref="Ask"/>, and the first half of the calls has waited long enough to count when the others begin.</summary>
    public static Task<string>[] AskInTwoHalves(FakePool pool, int count, bool streaming)
    {
        Task<string>[] first = Ask(pool, count / 2, streaming);
        pool.Time.Advance(StallTest.LeastWait);
        return [.. first, .. Ask(pool, count - (count / 2), streaming)];
    }

    public static void AnswerAll(FakeChatClient client)
    {
        foreach (HeldCall held in client.Held)
        {
            held.Answer();
        }
    }
}
