using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Comments keep a stream alive, as they do for the SDK's own client, and silence ends it. Simulated time.</summary>
[Trait("Rule", "R8")]
public sealed class KeptAliveStreamTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(100);

    private static readonly string Rest = RawPair.Chunk("""{"content":"at last"}""") + RawPair.Chunk("{}", "\"stop\"") + "data: [DONE]\n\n";

    private readonly FakeTimeProvider _time = new();
    private readonly ReadsHandler _reads = new();
    private readonly HttpClient _given;

    public KeptAliveStreamTests() => _given = new HttpClient(_reads) { Timeout = Timeout.InfiniteTimeSpan };

    public void Dispose() => _given.Dispose();

    [Theory]
    [InlineData("", "", false)]
    [InlineData("", "", true)]
    [InlineData("""{"role":"assistant","content":"now and "}""", "now and ", false)]
    [InlineData("""{"role":"assistant","content":"now and "}""", "now and ", true)]
    public async Task Comments_keep_it_alive_for_as_long_as_they_come(string first, string text, bool isV1)
    {
        using SemaphoreSlim next = new(0);
        await using RawPair pair = Pair(first, next, comments: 6, then: exchange => exchange.WriteAsync(Rest), isV1);

        Task<Answer> call = pair.AskAsync(streaming: true);
        await AllowAsync(next, first.Length > 0 ? 1 : 0, TimeSpan.Zero);
        await AllowAsync(next, 6, Limit / 2);
        next.Release();

        Assert.Equal($"{text}at last", (await call).Text);
        Assert.Empty(pair.West.Heads);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("", true)]
    [InlineData("""{"role":"assistant","content":"half"}""", false)]
    [InlineData("""{"role":"assistant","content":"half"}""", true)]
    public async Task Silence_after_a_comment_ends_it(string first, bool isV1)
    {
        using SemaphoreSlim next = new(0);
        await using RawPair pair = Pair(first, next, comments: 3, then: static exchange => exchange.StallAsync(), isV1);

        Task<Answer> call = pair.AskAsync(streaming: true);
        await AllowAsync(next, first.Length > 0 ? 1 : 0, TimeSpan.Zero);
        await AllowAsync(next, 3, Limit / 2);
        next.Release();
        _time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(call.IsCompleted);
        Assert.Equal(0, pair.Pool.GetStatus()[0].Failed);
        await _time.AdvanceUntilAsync(TimeSpan.FromMilliseconds(1), () => call.IsCompleted || pair.Pool.GetStatus()[0].Failed > 0);

        if (first.Length > 0)
        {
            Assert.Equal("east", (await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => call)).EndpointName);
        }
        else
        {
            Assert.Equal(RawPair.WestText, (await call).Text);
            Assert.Equal(EndpointFailureReason.TimedOut, pair.Pool.GetStatus()[0].LastError!.Reason);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_deadline_to_the_first_content_stays(bool isV1)
    {
        using SemaphoreSlim next = new(0);
        await using RawPair pair = Pair("", next, comments: 3, then: static exchange => exchange.StallAsync(), isV1, static options => options.FirstContentTimeout = 1.6 * Limit);

        Task<Answer> call = pair.AskAsync(streaming: true);
        await AllowAsync(next, 3, Limit / 2);
        Assert.Equal(0, pair.Pool.GetStatus()[0].Failed);
        _time.Advance(0.1 * Limit);

        Assert.Equal(RawPair.WestText, (await call).Text);
    }

    private RawPair Pair(string first, SemaphoreSlim next, int comments, Func<RawExchange, Task> then, bool isV1, Action<RoundRobinOptions>? configure = null) => new(
        async exchange =>
        {
            await exchange.WriteAsync(RawServer.Events(""));
            if (first.Length > 0)
            {
                await next.WaitAsync(exchange.Stop);
                await exchange.WriteAsync(RawPair.Chunk(first));
            }

            for (int i = 0; i < comments; i++)
            {
                await next.WaitAsync(exchange.Stop);
                await exchange.WriteAsync(": keep-alive\n\n");
            }

            await next.WaitAsync(exchange.Stop);
            await then(exchange);
        },
        isV1,
        _time,
        options =>
        {
            options.HttpClient = _given;
            configure?.Invoke(options);
        });

    /// <summary>Lets so many more pieces come, each after the given time, and until each has been read.</summary>
    private async Task AllowAsync(SemaphoreSlim next, int pieces, TimeSpan after)
    {
        for (int i = 0; i < pieces; i++)
        {
            await _reads.IsReadAsync();
            _time.Advance(after);
            next.Release();
        }

        if (after > TimeSpan.Zero)
        {
            await _reads.IsReadAsync();
        }
    }
}
