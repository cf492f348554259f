using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>Dispose lets running calls end, refuses new ones, and then releases what the pool holds, once.</summary>
public class EndpointPoolDisposalTests
{
    [Fact]
    public async Task Dispose_WithRunningCalls_LetsThemEndAndThenReleasesOnce()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync();
        Task<string> stream = pool.AskAsync(streaming: true);

        pool.Pool.Dispose();
        pool.Pool.Dispose();
        Assert.Equal(0, pool.Released);
        Assert.False(pool.Clients[0].Held[0].Token.IsCancellationRequested);
        pool.Clients[0].Held[0].Answer();
        Assert.Equal("a", await call);
        Assert.Equal(0, pool.Released);
        pool.Clients[1].Held[0].Answer();
        Assert.Equal("b", await stream);

        Assert.Equal(1, pool.Released);
        pool.Pool.Dispose();
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WhileACallFails_DoesNotFailOver(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);
        Exception failure = FakeFailure.Status(429);

        pool.Pool.Dispose();
        pool.Clients[0].Held[0].Fail(failure);

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => call));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(1, pool.Released);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Call_AfterDispose_Throws(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Pool.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => pool.AskAsync(streaming));
        Assert.Equal([0, 0], pool.Calls);
        Assert.Equal(0, pool.InFlight);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_DuringManyCalls_ReleasesExactlyOnceAndAfterTheLast(bool streaming)
    {
        for (int round = 0; round < 50; round++)
        {
            using FakePool pool = new(2);
            foreach (FakeChatClient client in pool.Clients)
            {
                client.OnCall = async (_, _, _) =>
                {
                    await Task.Yield();
                    Assert.Equal(0, pool.Released);
                    return FakeChatClient.Answer("x");
                };
            }

            Task[] callers = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                try
                {
                    while (true)
                    {
                        Assert.NotEmpty(await pool.AskAsync(streaming));
                    }
                }
                catch (ObjectDisposedException)
                {
                }
            }))];
            await Eventually.TrueAsync(() => pool.Calls.Sum() > 10);
            pool.Pool.Dispose();
            await Task.WhenAll(callers);

            Assert.Equal((1, 0), (pool.Released, pool.InFlight));
        }
    }

    [Fact]
    public async Task Dispose_DuringSynchronousCalls_ReleasesExactlyOnceAndAfterTheLast()
    {
        ChatMessage[] messages = [new(ChatRole.User, "hi")];
        Task<ChatResponse> answer = Task.FromResult(FakeChatClient.Answer("x"));
        int late = 0;
        for (int round = 0; round < 300; round++)
        {
            using FakePool pool = new(2);
            foreach (FakeChatClient client in pool.Clients)
            {
                client.OnCall = (_, _, _) =>
                {
                    Interlocked.Add(ref late, pool.Released);
                    Thread.SpinWait(10);
                    Interlocked.Add(ref late, pool.Released);
                    return answer;
                };
            }

            Thread[] callers = [.. Enumerable.Range(0, 3).Select(_ => new Thread(() =>
            {
                while (!pool.Client.GetResponseAsync(messages).IsFaulted)
                {
                }
            }))];
            Array.ForEach(callers, caller => caller.Start());
            await Eventually.TrueAsync(() => pool.Calls.Sum() > 10);
            pool.Pool.Dispose();
            Array.ForEach(callers, caller => caller.Join());

            Assert.Equal((1, 0, 0), (pool.Released, pool.InFlight, late));
        }
    }
}
