using System.ClientModel;
using System.Net;
using System.Net.Sockets;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A pool of one is never worse than the SDK's own client: what that one's retries would mend, and the call after a refusal.</summary>
[Trait("Rule", "Law 1")]
public sealed class NeverWorseThanPlainTests
{
    [Theory]
    [InlineData(401, false)]
    [InlineData(401, true)]
    [InlineData(404, false)]
    [InlineData(404, true)]
    public async Task NeverAnswered_RefusedOnce_TheNextCallIsAsked(int status, bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(status), FakeFailure.Status(status));

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal("a", await pool.AskAsync(streaming));
        Assert.Equal("aa", await pool.AskManyAsync(2, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NeverAnswered_Refused_CallsAtOnceAreAllAsked(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(401));
        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming));
        pool.Clients[0].Hold();

        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];

        Assert.Equal(3, pool.Clients[0].Running);
        Array.ForEach(pool.Clients[0].Held, static held => held.Answer());
        Assert.Equal(["a", "a", "a"], await Task.WhenAll(calls));
        Assert.Equal(0, pool.InFlight);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TimeoutByTheService_ThreeTimes_IsAnswered(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(408), FakeFailure.Status(408), FakeFailure.Status(408));

        await AssertAnsweredAsync(pool, streaming);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswerThatBreaksOff_ThreeTimes_IsAnswered(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(new HttpIOException(HttpRequestError.ResponseEnded), new IOException("reset", new SocketException((int)SocketError.ConnectionReset)), new HttpIOException(HttpRequestError.ResponseEnded));

        await AssertAnsweredAsync(pool, streaming);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswerThatBreaksOff_ForEver_SurfacesAfterFourAttempts(bool streaming)
    {
        using FakePool pool = new(1);
        HttpIOException failure = new(HttpRequestError.ResponseEnded);
        pool.Clients[0].Fails = failure;
        Task<string> call = pool.AskAsync(streaming);
        await PassPausesAsync(pool, call);

        Assert.Same(failure, await Assert.ThrowsAsync<HttpIOException>(() => call));
        Assert.Equal([0, 0.5, 1.5, 3.5], pool.Clients[0].Times);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ErrorWhoseBodyBreaksOff_ItsStatusCounts(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request => request.Host == "one" ? new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) { Content = new StreamContent(new BrokenStream()) } : null;

        Assert.Equal("two", await pool.AskAsync(streaming));

        EndpointAttempt failure = pool.Pool.GetStatus()[0].LastError!;
        Assert.Equal((503, EndpointFailureReason.Failed), (failure.Status, failure.Reason));
    }

    private static async Task AssertAnsweredAsync(FakePool pool, bool streaming)
    {
        Task<string> call = pool.AskAsync(streaming);
        await PassPausesAsync(pool, call);

        Assert.Equal("a", await call);
        Assert.Equal([0, 0.5, 1.5, 3.5], pool.Clients[0].Times);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    /// <summary>Three pauses before three more attempts.</summary>
    private static async Task PassPausesAsync(FakePool pool, Task<string> call)
    {
        foreach (double pause in new[] { 0.5, 1, 2 })
        {
            int calls = pool.Clients[0].Calls;
            await pool.AdvanceAsync(pause - 0.001, paused: 1);
            pool.Time.Advance(TimeSpan.FromSeconds(0.001));
            await Eventually.TrueAsync(() => pool.Clients[0].Calls > calls || call.IsCompleted);
        }
    }

    /// <summary>A connection that is reset in the middle of a body.</summary>
    private sealed class BrokenStream : MemoryStream
    {
        public override int Read(Span<byte> buffer) => throw new HttpIOException(HttpRequestError.ResponseEnded);

        public override int Read(byte[] buffer, int offset, int count) => throw new HttpIOException(HttpRequestError.ResponseEnded);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new HttpIOException(HttpRequestError.ResponseEnded);

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => throw new HttpIOException(HttpRequestError.ResponseEnded);

        public override bool CanSeek => false;
    }
}
