using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A request that is at fault itself surfaces at once as the SDK's own exception, and ejects no endpoint.</summary>
[Trait("Rule", "5.3")]
public class RequestAtFaultTests
{
    [Theory]
    [InlineData(400, false)]
    [InlineData(413, false)]
    [InlineData(415, false)]
    [InlineData(422, false)]
    [InlineData(431, false)]
    [InlineData(400, true)]
    [InlineData(413, true)]
    [InlineData(415, true)]
    [InlineData(422, true)]
    [InlineData(431, true)]
    public async Task RequestAtFault_SurfacesAtOnce_AndEjectsNoEndpoint(int status, bool streaming)
    {
        using FakePool pool = new(3);
        Exception failure = FakeFailure.Status(status);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = failure;
        }

        for (int i = 0; i < 6; i++)
        {
            Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
        }

        Assert.Equal([2, 2, 2], pool.Calls);
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal((EndpointState.Healthy, 0L), (endpoint.State, endpoint.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestAtFault_AfterOtherAttempts_StillSurfacesAsItself(bool streaming)
    {
        using FakePool pool = new(3);
        Exception failure = FakeFailure.Status(400);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        pool.Clients[1].Fails = FakeFailure.Refused();
        pool.Clients[2].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestAtFault_AtAProbedEndpoint_CountsAsReachable(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Refused(), FakeFailure.Status(400));
        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ArgumentError_BeforeTheRequestWasSent_SurfacesAtOnce(bool streaming)
    {
        using FakePool pool = new(2);
        Exception failure = new ArgumentException("The message has no role.");
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ArgumentException>(() => pool.AskAsync(streaming)));
        Assert.Equal([1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ArgumentError_AfterTheRequestWasSent_FailsOver(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Clients[0].Held[0].Fail(new ArgumentException("The answer has no role."));

        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NotFound_ModelOfAReadyMadeClientNamedByTheCaller_IsTheRequests(bool streaming)
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.Status(404);
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, new() { ModelId = "mistyped" })));
        Assert.Equal([1, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }
}
