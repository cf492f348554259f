using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A pool of which no endpoint has ever answered, and whose names cannot be resolved: waiting does not help, so the call fails at once.</summary>
public sealed class UnknownNamesTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllNamesAreUnknown_CallsFailAtOnceAndListThem(bool streaming)
    {
        using FakePool pool = new(3);
        Fail(pool);

        EndpointsExhaustedException first = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        EndpointsExhaustedException second = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.All([first, second], static failure =>
        {
            Assert.StartsWith("No endpoint's name is known: check the address of each, and the DNS of this machine. Tried: ", failure.Message, StringComparison.Ordinal);
            Assert.Contains("'a' unreachable, its name is not known", failure.Message, StringComparison.Ordinal);
            Assert.Equal(["a", "b", "c"], failure.Attempts.Select(static attempt => attempt.EndpointName).Order());
        });
        Assert.Equal([1, 1, 1], pool.Calls);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ANameThatIsKnownLater_IsFoundWithinASecond(bool streaming)
    {
        using FakePool pool = new(2);
        Fail(pool);
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Clients[1].Fails = null;

        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("b", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneHasAnsweredBefore_CallsWait(bool streaming)
    {
        using FakePool pool = new(2);
        await pool.AskAsync(streaming);
        Fail(pool);

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();

        Assert.False(call.IsCompleted);
        Assert.Equal(1, pool.Waiting);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = null;
        }

        await pool.AdvanceAsync(1);
        await pool.AdvanceAsync(1);
        Assert.Contains(await call, "ab", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneRefusesConnections_CallsWait(bool streaming)
    {
        using FakePool pool = new(2);
        Fail(pool);
        pool.Clients[1].Fails = FakeFailure.Refused();

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();

        Assert.False(call.IsCompleted);
        pool.Clients[1].Fails = null;
        await pool.AdvanceAsync(1);
        await pool.AdvanceAsync(1);
        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnOnlyEndpoint_EachCallAsksItOnceAndGetsItsException(bool streaming)
    {
        using FakePool pool = new(1);
        Exception failure = FakeFailure.UnknownName();
        pool.Clients[0].Fails = failure;

        for (int i = 1; i <= 3; i++)
        {
            Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
            Assert.Equal([i], pool.Calls);
        }
    }

    [Fact]
    public async Task OneRefusesItsKey_CallsFailAtOnce()
    {
        using FakePool pool = new(2);
        Fail(pool);
        pool.Clients[1].Fails = FakeFailure.Status(401);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync());

        Assert.StartsWith("Every endpoint is misconfigured, with a name that is not known, a key that it refuses or a deployment that it does not have.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheStatusAndTheLog_SayHow()
    {
        FakeLogCollector logs = new();
        using LoggerFactory factory = new([new FakeLoggerProvider(logs)]);
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Fails = FakeFailure.UnknownName();

        await pool.AskManyAsync(2);

        Assert.Contains("(unreachable, its name is not known)", pool.Pool.GetStatus()[0].ToString(), StringComparison.Ordinal);
        Assert.Equal("Endpoint 'a' is unavailable for 00:00:01 (unreachable, status 0, its name is not known).", Assert.Single(logs.GetSnapshot()).Message);
    }

    private static void Fail(FakePool pool)
    {
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.UnknownName();
        }
    }
}
