using System.Net.Sockets;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A connection that our own side let go of under a call, as .NET does now and then while many others are cancelled: the call moves on, and no endpoint is blamed.</summary>
[Trait("Rule", "R21")]
public class AbortedByOurOwnSideTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task TheCallMovesOn_AndNothingIsNoted(bool disposed, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = Aborted(disposed);

        Assert.Equal("bbbbbb", await pool.AskManyAsync(6, streaming));

        EndpointStatus status = pool.StatusOf(0);
        Assert.Equal((EndpointState.Healthy, 0L, null), (status.State, status.Failed, status.LastError));
        Assert.True(pool.EndpointAt(0).Resource.Health.IsClean);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OfAPoolOfOne_ItIsAskedAgain(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(Aborted(disposed: false));
        Task<string> call = pool.AskAsync(streaming);

        await pool.AdvanceAsync(0.5);

        Assert.Equal("a", await call);
        Assert.Equal(0, pool.StatusOf(0).Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OfAProbe_ItsPermitIsReturned(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Refused(), Aborted(disposed: false));
        await pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming));
    }

    [Fact]
    public async Task AfterContent_TheStreamBreaksOff_AndNoEndpointIsOut()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(Aborted(disposed: false), "half");

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Equal((EndpointState.Healthy, 0L), (pool.StateOf(0), pool.StatusOf(0).Failed));
    }

    private static HttpRequestException Aborted(bool disposed) => new(
        "An error occurred while sending the request.",
        new IOException("Unable to write data.", disposed ? new ObjectDisposedException("System.Net.Security.SslStream") : new SocketException((int)SocketError.OperationAborted)));
}
