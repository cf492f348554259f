using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What becomes of the calls that wait or run when the configuration changes.</summary>
[Trait("Rule", "2")]
public class UpdateWhileCallsWaitTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueuedCalls_GoToTheEndpointThatJoins(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("ab");
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        pool.Clients[1].Plays(FakeFailure.RateLimited(Pause));
        Task<string>[] waiting = [pool.AskAsync(streaming), pool.AskAsync(streaming)];
        await pool.SettleAsync();
        Assert.Equal(2, pool.Waiting);

        pool.Update("abc");

        Assert.Equal(["c", "c"], await Task.WhenAll(waiting));
        Assert.Equal([1, 1, 2], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EndpointLeftAndFailed_CallFailsOverToThoseConfiguredNow(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync(streaming);

        pool.Update("c");
        pool.Clients[0].Held[0].Fail(FakeFailure.Reset());

        Assert.Equal("c", await running);
        Assert.Equal([1, 0, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QueuedCalls_ForAModelNotMappedAnyMore_FailAndSaySo(bool streaming)
    {
        using FakePool pool = new(2, endpoint: Maps);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        pool.Clients[1].Plays(FakeFailure.RateLimited(Pause));
        Task<string> large = pool.AskAsync(streaming, new() { ModelId = "large" });
        await pool.SettleAsync();

        pool.Update("ab", endpoint: (_, entry) => entry.DeploymentName = "small");

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => large);
        Assert.StartsWith("The new configuration has no endpoint", failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, failure.Attempts.Count);
        // Whoever asks now gets what a classic endpoint answers to any name.
        Assert.Equal("a", await pool.AskAsync(streaming, new() { ModelId = "large" }));
    }

    [Fact]
    public async Task StreamCreatedBefore_ReadAfter_FailsAndSaysSo()
    {
        using FakePool pool = new(2, endpoint: (_, entry) => (entry.DeploymentName, entry.Deployments["large"]) = ("small", "small"));
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", new() { ModelId = "large" }, TestContext.Current.CancellationToken);

        pool.Update("ab", endpoint: (_, entry) => entry.DeploymentName = "small");

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => stream.ToChatResponseAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("The new configuration has no endpoint", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CallForAModel_MappedNow_IsAnswered(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (_, entry) => entry.DeploymentName = "small");
        List<string?> asked = [];
        pool.Clients[0].OnCall = (_, options, _) => Note(options, () => Task.FromResult(FakeChatClient.Answer("a")));
        pool.Clients[0].OnStream = (_, options, token) => Note(options, () => FakeChatClient.Updates(token, "a"));
        await pool.AskAsync(streaming, new() { ModelId = "large" });

        pool.Update("ab", endpoint: (i, entry) =>
        {
            entry.DeploymentName = "small";
            if (i == 0)
            {
                entry.Deployments["large"] = "large-at-a";
            }
        });
        Assert.Equal("aa", await pool.AskAsync(streaming, new() { ModelId = "large" }) + await pool.AskAsync(streaming, new() { ModelId = "large" }));

        Assert.Equal(["large", "large-at-a", "large-at-a"], asked);

        T Note<T>(ChatOptions? options, Func<T> answer)
        {
            asked.Add(options?.ModelId);
            return answer();
        }
    }

    [Fact]
    public async Task CountOfCalls_ModelsComeAndGo_GoesOn()
    {
        using FakePool pool = new(3, endpoint: Maps, start: 12345);
        await pool.AskManyAsync(5);
        await pool.AskAsync(options: new() { ModelId = "large" });
        uint before = pool.Pool.Routes.Members.CallsBegun();

        pool.Update("ab");
        Assert.Equal(before, pool.Pool.Routes.Members.CallsBegun());
        pool.Update("abc", endpoint: Maps);
        Assert.Equal(before, pool.Pool.Routes.Members.CallsBegun());

        await pool.AskManyAsync(2);
        Assert.Equal(before + 2, pool.Pool.Routes.Members.CallsBegun());
    }

    private static void Maps(int i, EndpointOptions entry)
    {
        entry.DeploymentName = "small";
        entry.Deployments["large"] = $"large-{i}";
    }
}
