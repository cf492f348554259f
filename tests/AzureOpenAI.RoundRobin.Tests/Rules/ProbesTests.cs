using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Which call probes which endpoint when.</summary>
[Trait("Rule", "5.6")]
public class ProbesTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoPrioritiesReadyTogether_TheBetterIsProbedFirst(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero, (i, entry) => entry.Priority = 1 - i);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Plays(FakeFailure.Refused());
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(20));

        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoReadyTogether_TakeTurns(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Plays(FakeFailure.Refused());
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(20));
        await pool.AskManyAsync(2, streaming);
        Array.ForEach(pool.Clients, client => client.Hold());

        Task<string>[] calls = [.. Enumerable.Range(0, 6).Select(_ => pool.AskAsync(streaming))];

        Assert.Equal((3, 3), (pool.Clients[0].Running, pool.Clients[1].Running));
        Array.ForEach([.. pool.Clients.SelectMany(client => client.Held)], held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OthersAreHealthy_ACallProbesAtMostOneEndpoint(bool streaming)
    {
        using FakePool pool = new(4);
        foreach (FakeChatClient client in pool.Clients[..3])
        {
            client.Fails = FakeFailure.Refused();
        }

        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        int before = pool.Calls.Sum();

        Assert.Equal("d", await pool.AskAsync(streaming));

        Assert.Equal(2, pool.Calls.Sum() - before);
    }

    [Theory]
    [InlineData(2, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public async Task FailedProbe_TheNextComesInItsOwnTurnOnly(int count, bool streaming)
    {
        using FakePool pool = new(count);
        pool.Clients[0].Fails = FakeFailure.Refused();
        for (int i = 0; i < 60; i++)
        {
            await pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.InRange(pool.Calls[0], (60 / count) - 1, (60 / count) + 2);
        Assert.InRange(pool.Calls[1..].Max() - pool.Calls[1..].Min(), 0, 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CallThatFailedOnce_DoesNotProbe(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.Refused());
        pool.Clients[1].Hold();
        pool.Clients[2].Hold();
        Task<string> first = pool.AskAsync(streaming);
        FakeChatClient fresh = pool.Clients[1].Running == 0 ? pool.Clients[1] : pool.Clients[2];
        Task<string> second = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        fresh.Held[0].Fail(FakeFailure.Status(500));

        Assert.Equal([1, 3], [pool.Clients[0].Calls, pool.Clients[1].Calls + pool.Clients[2].Calls]);
        Assert.Equal("a", await pool.AskAsync(streaming));
        foreach (HeldCall held in pool.Clients[1..].SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Task.WhenAll(first, second);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueueOfAnotherModel_DoesNotDelayRecovery(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromMinutes(10), (_, entry) => (entry.DeploymentName, entry.Deployments["large"]) = ("small", "large"));
        bool rejects = true;
        foreach (FakeChatClient client in pool.Clients)
        {
            Exception? Judge(ChatOptions? options) =>
                options?.ModelId == "large" ? FakeFailure.RateLimited(TimeSpan.FromMinutes(5)) : rejects && client == pool.Clients[0] ? FakeFailure.Status(429) : null;
            client.OnCall = (_, options, _) => Judge(options) is { } failure ? Task.FromException<ChatResponse>(failure) : Task.FromResult(FakeChatClient.Answer(client.Name));
            client.OnStream = (_, options, token) => Judge(options) is { } failure ? FakeChatClient.Failing(failure) : FakeChatClient.Updates(token, client.Name);
        }

        Task<string> large = pool.AskAsync(streaming, new() { ModelId = "large" });
        Assert.Equal("b", await pool.AskAsync(streaming));
        rejects = false;
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await pool.AskManyAsync(60, streaming);

        Assert.False(large.IsCompleted);
        Assert.All(pool.Pool.GetStatus().Where(status => status.DeploymentName == "small"), status => Assert.Equal(EndpointState.Healthy, status.State));
        pool.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => large);
    }
}
