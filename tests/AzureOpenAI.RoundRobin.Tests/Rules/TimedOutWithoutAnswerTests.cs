using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Attempts that ran out of time before anything came of them go on, as long as a healthy endpoint is left that the call has not tried.</summary>
[Trait("Rule", "R9")]
public class TimedOutWithoutAnswerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Twice_GoesOnToTheThird(bool streaming)
    {
        using FakePool pool = Pool(4, held: 2);

        Assert.Equal("c", await AskAsync(pool, streaming, 2));
        Assert.Equal([1, 1, 1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everywhere_IsATimeoutException_AfterEachWasAskedOnce(bool streaming)
    {
        using FakePool pool = Pool(4, held: 4);

        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => AskAsync(pool, streaming, 4));

        Assert.Contains("'d'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("4 attempts", failure.Message, StringComparison.Ordinal);
        Assert.Equal([1, 1, 1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnUnavailableEndpoint_IsNotWaitedFor(bool streaming)
    {
        using FakePool pool = Pool(3, held: 0);
        pool.Clients[2].Plays(FakeFailure.Status(429, ("retry-after", "60")));
        await pool.AskManyAsync(3, streaming);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();

        await Assert.ThrowsAsync<TimeoutException>(() => AskAsync(pool, streaming, 2));
        Assert.Equal(1, pool.Clients[2].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ThenAnotherFailure_EndsWithAllOfThem(bool streaming)
    {
        using FakePool pool = Pool(3, held: 2);
        pool.Clients[2].Fails = FakeFailure.Status(500);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => AskAsync(pool, streaming, 2));

        Assert.Equal((500, 3), (failure.Status, failure.Attempts.Count));
        Assert.Equal([1, 1, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxAttempts_StillBoundsTheCall(bool streaming)
    {
        using FakePool pool = Pool(4, held: 4, options => options.MaxAttempts = 3);

        await Assert.ThrowsAsync<TimeoutException>(() => AskAsync(pool, streaming, 3));
        Assert.Equal([1, 1, 1, 0], pool.Calls);
    }

    [Fact]
    public async Task AStreamThatHadBegun_EndsAtTwo()
    {
        using FakePool pool = Pool(3, held: 1);
        pool.Clients[1].OnStream = static (_, _, token) => Beginning(token);

        await Assert.ThrowsAsync<TimeoutException>(() => AskAsync(pool, streaming: true, 2));
        Assert.Equal([1, 1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task OverHttp_TheHeadDecides(bool streaming, bool withHead)
    {
        using ServicePool pool = new(["one", "two", "three"], configure: options => options.AttemptTimeout = Limit);
        pool.Service.OnAsync = async (request, token) =>
        {
            if (request.Host == "three")
            {
                return FakeService.Answer(request);
            }

            if (!withHead)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, token);
            }

            return new(System.Net.HttpStatusCode.OK) { Content = new StreamContent(new SilentBody()) };
        };

        Task<string> call = pool.AskAsync(streaming);
        for (int i = 1; i <= 2; i++)
        {
            await Eventually.TrueAsync(() => pool.Service.Requests.Length >= i);
            await Eventually.TrueAsync(() =>
            {
                pool.Time.Advance(Limit);
                return pool.Pool.GetStatus()[i - 1].Failed == 1;
            });
        }

        if (withHead)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => call);
            Assert.Equal(2, pool.Service.Requests.Length);
        }
        else
        {
            Assert.Equal("three", await call);
        }
    }

    private static FakePool Pool(int count, int held, Action<RoundRobinOptions>? configure = null)
    {
        FakePool pool = new(count, options =>
        {
            options.AttemptTimeout = Limit;
            configure?.Invoke(options);
        });
        foreach (FakeChatClient client in pool.Clients.Take(held))
        {
            client.Hold();
        }

        return pool;
    }

    private static Task<string> AskAsync(FakePool pool, bool streaming, int timeouts)
    {
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < timeouts; i++)
        {
            pool.Time.Advance(Limit);
        }

        return call;
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Beginning([EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, "");
        await Task.Delay(Timeout.InfiniteTimeSpan, token);
    }

    /// <summary>Nothing ever comes of it.</summary>
    private sealed class SilentBody : MemoryStream
    {
        public override bool CanSeek => false;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return 0;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
