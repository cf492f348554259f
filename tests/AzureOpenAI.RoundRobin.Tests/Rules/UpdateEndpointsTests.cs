using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Another configuration while the pool runs: which endpoints stay as they were, which join, which leave.</summary>
[Trait("Rule", "2")]
public class UpdateEndpointsTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Leaves_GetsNoNewCall_AndEndsThoseInFlight(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[2].Hold();
        await pool.AskManyAsync(2, streaming);
        Task<string> running = pool.AskAsync(streaming);

        pool.Update("ab");

        Assert.Equal("ababab", await pool.AskManyAsync(6, streaming));
        Assert.Equal([9], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.False(Assert.Single(pool.Clients[2].Held).Token.IsCancellationRequested);
        Assert.Equal(["a", "b"], pool.Pool.GetStatus().Select(status => status.Name));
        Assert.Equal(2, pool.Pool.Count);

        pool.Clients[2].Held[0].Answer("late");

        Assert.Equal("late", await running);
        Assert.Equal([9, 11], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.Contains("'c'", logs.LatestRecord.Message, StringComparison.Ordinal);
        Assert.Equal(1, pool.Calls[2]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Joins_HasItsShareFromTheNextCallOn(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("ab");
        await pool.AskInTurnOfAsync(0, streaming);

        pool.Update("abc");

        Assert.Equal("bcabca", await pool.AskManyAsync(6, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stays_KeepsItsCooldownAndItsCounts(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        await pool.AskManyAsync(4, streaming);
        await pool.AdvanceAsync(5);

        pool.Update("cba", endpoint: (_, entry) => entry.Weight = 2);

        EndpointStatus status = pool.Pool.GetStatus()[2];
        Assert.Equal(("a", EndpointState.Unavailable, TimeSpan.FromSeconds(15)), (status.Name, status.State, status.ReadyIn));
        Assert.Equal((1, 1), (status.Failed, status.RateLimited));
        Assert.Equal(4, pool.Pool.GetStatus().Sum(one => one.Answered));
        await pool.AskManyAsync(4, streaming);
        Assert.Equal(1, pool.Calls[0]);
        await pool.AdvanceAsync(15);
        await pool.AskManyAsync(3, streaming);
        Assert.True(pool.Calls[0] > 1);
    }

    [Fact]
    public async Task Leaves_IsNotLoggedAnyMore()
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[0].Hold();
        Task<string> running = pool.AskAsync();

        pool.Update("bc");
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(Pause));
        await running;

        Assert.Equal([9, 11], logs.GetSnapshot().Select(record => record.Id.Id));
        Assert.Equal("The configuration has changed. Endpoints that joined: none; left: 'a'; changed: none.", logs.GetSnapshot()[0].Message);
    }

    [Fact]
    public async Task LeavesAndJoins_IsANewOne()
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.RateLimited(Pause));
        await pool.AskManyAsync(2);

        pool.Update("b");
        pool.Update("ab");

        Assert.Equal((EndpointState.Healthy, 0L), (pool.StateOf(0), pool.StatusOf(0).Failed));
        Assert.Equal(["a", "b"], (await pool.AskManyAsync(2)).Select(answer => answer.ToString()).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WeightsAndPriorities_CountFromTheNextCallOn(bool streaming)
    {
        using FakePool pool = new(3);
        await pool.AskManyAsync(3, streaming);

        pool.Update("abc", endpoint: (i, entry) => entry.Weight = i == 0 ? 5 : 1);
        string weighted = await pool.AskManyAsync(14, streaming);
        pool.Update("abc", endpoint: (i, entry) => entry.Priority = i);

        Assert.Equal([10, 2, 2], "abc".Select(name => weighted.Count(answer => answer == name)));
        Assert.Equal("aaaa", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SameConfiguration_ChangesNothing(bool streaming)
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using FakePool pool = new(3, loggerFactory: factory);
        string answers = "";
        for (int i = 0; i < 9; i++)
        {
            answers += await pool.AskAsync(streaming);
            pool.Update("abc");
        }

        Assert.Equal("abcabcabc", answers);
        Assert.Empty(logs.GetSnapshot());
    }

    [Fact]
    public void SameAddressAndKey_ChangeNothing_AnotherKeyIsAChange()
    {
        FakeLogCollector logs = new();
        using ILoggerFactory factory = Collecting(logs);
        using EndpointPool pool = new(OptionsWith("secret-1"), factory);
        RoundRobin.Endpoints.EndpointIds ids = pool.Endpoints[0].Setup.Ids!;

        pool.Update(OptionsWith("secret-1"));

        Assert.Empty(logs.GetSnapshot());
        Assert.Same(ids, pool.Endpoints[0].Setup.Ids);

        pool.Update(OptionsWith("secret-2"));

        Assert.Equal(9, Assert.Single(logs.GetSnapshot()).Id.Id);
        Assert.Equal(ids.Deployment, pool.Endpoints[0].Setup.Ids!.Deployment);
        Assert.NotEqual(ids.Key, pool.Endpoints[0].Setup.Ids!.Key);

        static RoundRobinOptions OptionsWith(string key) =>
            new() { DeploymentName = "gpt", Endpoints = { new() { Endpoint = new Uri("https://one.openai.azure.com"), ApiKey = key } } };
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task InvalidConfiguration_IsRefusedWhole(bool streaming)
    {
        using FakePool pool = new(3);

        OptionsValidationException fault = Assert.Throws<OptionsValidationException>(() => pool.Update("ab", options => options.MaxAttempts = 0, (_, entry) => entry.Weight = 0));

        Assert.Equal(3, fault.Failures.Count());
        Assert.Equal("abcabc", await pool.AskManyAsync(6, streaming));
        Assert.Equal(3, pool.Pool.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OptionsOfCalls_AreTakenOver(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(Pause);
        pool.Clients[1].Fails = FakeFailure.RateLimited(Pause);

        pool.Update("ab", options => options.MaxWait = TimeSpan.Zero);

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Update("ab", options => (options.MaxWait, options.MaxAttempts) = (TimeSpan.FromMinutes(1), 1));
        await pool.AdvanceAsync(Pause);
        await Assert.ThrowsAsync<System.ClientModel.ClientResultException>(() => pool.AskAsync(streaming));
        Assert.Equal(3, pool.Calls.Sum());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ConfiguredLimits_AreTakenOver_WithWhatWasUsed(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 240 : null);
        await pool.AskManyAsync(4, streaming);
        Assert.Equal([2, 2], pool.Calls);

        // Three a second, of which two are used.
        pool.Update("ab", endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 180 : null);
        await pool.AskManyAsync(6, streaming);
        Assert.Equal([3, 7], pool.Calls);

        pool.Update("ab");
        await pool.AskManyAsync(4, streaming);
        Assert.Equal([5, 9], pool.Calls);
    }

    private static LoggerFactory Collecting(FakeLogCollector logs) => new([new FakeLoggerProvider(logs)]);
}
