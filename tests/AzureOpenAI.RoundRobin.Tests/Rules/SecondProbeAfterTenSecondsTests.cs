using System.Net;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A probe that has not come back: another follows after 10 s.</summary>
[Trait("Rule", "5.8")]
public class SecondProbeAfterTenSecondsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbeStillRunning_SecondProbeAfterTenSeconds(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Fails = new TimeoutException();
        await pool.AskManyAsync(2, streaming);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(110));
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        Assert.Equal((EndpointState.Probing, 1), (pool.StateOf(0), pool.Clients[0].Running));

        // It hung before, so only a whole answer counts. The first of these calls hang still.
        await pool.AdvanceAsync(9.9);
        Assert.Equal(1, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(2, pool.Clients[0].Running);
        await pool.AdvanceAsync(9.9);
        Assert.Equal(2, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(3, pool.Clients[0].Running);
        pool.Clients[0].Held[2].Answer();
        await pool.SettleAsync();

        // Those that hang do not take the places of those that wait.
        Assert.Equal((0, 2 + 6), (pool.Waiting, pool.Clients[0].Running));
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Answer();
        }

        await Task.WhenAll(calls);
        Assert.Equal(0, pool.InFlight);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbesStillRunningAtSeveralEndpoints_SecondProbesOneByOne(bool streaming)
    {
        using FakePool pool = new(3, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Fails = new TimeoutException();
        pool.Clients[1].Fails = new TimeoutException();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal("c", await pool.AskAsync(streaming));
        }

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable], [pool.StateOf(0), pool.StateOf(1)]);
        pool.Clients[2].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(110));
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        Assert.Equal(2, pool.InFlight);

        await pool.AdvanceAsync(9.9);
        Assert.Equal(2, pool.InFlight);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(3, pool.InFlight);
        await pool.AdvanceAsync(0.25);
        Assert.Equal(4, pool.InFlight);
        pool.Pool.Dispose();
        foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Task.WhenAll(calls));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ResourceThatTakesLongToFail_SecondProbeAfterTenSeconds(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Hold();
        Task<string> first = pool.AskAsync(streaming);
        await pool.AdvanceAsync(30);
        pool.Clients[0].Held[0].Fail(FakeFailure.Refused());
        await pool.SettleAsync();
        Task<string> second = pool.AskAsync(streaming);
        await pool.AdvanceAsync(0.001);
        Assert.Equal((1, 1), (pool.InFlight, pool.Waiting));

        await pool.AdvanceAsync(9.9);
        Assert.Equal(1, pool.InFlight);
        await pool.AdvanceAsync(0.1);

        Assert.Equal((2, 0), (pool.InFlight, pool.Waiting));
        pool.Clients[0].Held[1].Answer();
        pool.Clients[0].Held[2].Answer();
        await Task.WhenAll(first, second);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbeHangsAtAnotherDeployment_SecondProbeAfterTenSeconds(bool streaming)
    {
        using ServicePool pool = new(["one/small", "two/small"], (_, entry) => entry.Deployments["large"] = "big");
        ChatOptions large = new() { ModelId = "large" };
        pool.Service.On = request => request is { Host: "one", Deployment: "small" } ? FakeService.Answer(request, finish: null) : null;
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
        pool.Service.On = request => request.Host == "one" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        Assert.Equal("two", await pool.AskAsync(options: large));
        Assert.Equal(2, pool.Pool.GetStatus().Count(status => status.State == EndpointState.Unavailable));
        pool.Service.On = request => request.Host == "two" ? FakeService.Refusal(429, ("Retry-After", "250"))
            : request.Deployment == "small" ? new(HttpStatusCode.OK) { Content = new StreamContent(new Endless()) } : null;
        pool.Time.Advance(TimeSpan.FromSeconds(5));

        // Only a whole answer of the one deployment proves that it is well. The other waits for the resource, which the same call holds up.
        Task<string> small = pool.AskAsync(streaming);
        await Eventually.TrueAsync(() => pool.Service.Requests.Count(request => request is { Host: "one", Deployment: "small" }) == 2);
        Task<string> asked = pool.AskAsync(streaming, large);
        await Eventually.TrueAsync(() => pool.Pool.WaitingCalls == 1);
        pool.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal(1, pool.Pool.WaitingCalls);
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(0, pool.Pool.WaitingCalls);

        Assert.Equal("one", await asked);
        Assert.False(small.IsCompleted);
    }

    private sealed class Endless : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return 0;
        }

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
