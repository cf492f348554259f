using System.Diagnostics;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Telemetry;

/// <summary>A span for each attempt, under the caller's.</summary>
[Collection(typeof(Listening))]
public class AttemptSpanTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EachAttempt_IsAClientSpanUnderTheCallers(bool streaming)
    {
        using FakeSpans spans = new();
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.Status(429));
        pool.Clients[1].Plays(FakeFailure.Refused());

        await pool.AskAsync(streaming);

        Assert.Equal(
            [
                "attempt a Error attempt=1 endpoint=a outcome=rate_limited wait=0 error.type=429 http.response.status_code=429",
                "attempt b Error attempt=2 endpoint=b outcome=unreachable wait=0 error.type=connection_error",
                "attempt c Unset attempt=3 endpoint=c outcome=answered wait=0",
            ],
            spans.Lines);
        Assert.All(spans.Ended, span => Assert.Equal((spans.Caller.SpanId, ActivityKind.Client), (span.ParentSpanId, span.Kind)));
        Assert.Equal("rate limited", spans.Ended[0].StatusDescription);
        Assert.Same(spans.Caller, Activity.Current);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatTheEndpointsClientDoes_IsUnderTheAttempt_AndTheCallersOwnIsNot(bool streaming)
    {
        using FakeSpans spans = new();
        using FakePool pool = new(2);
        List<Activity?> seen = [];
        pool.Clients[0].OnCall = (_, _, _) => Fail(seen);
        pool.Clients[0].OnStream = (_, _, _) => FailStream(seen);
        pool.Clients[1].Hold();

        Task<string> call = pool.AskAsync(streaming);
        Assert.Same(spans.Caller, Activity.Current);
        pool.Clients[1].Held[0].Answer();
        await call;

        Assert.Same(spans.Caller, Activity.Current);
        Assert.Equal(["attempt a"], seen.Select(span => span?.DisplayName));
        Assert.All(spans.Ended, span => Assert.Equal(spans.Caller.SpanId, span.ParentSpanId));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ASpan_RecordsHowLongTheCallHadWaited(bool streaming)
    {
        using FakeSpans spans = new();
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(3)));

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();
        await pool.AdvanceAsync(3);
        await call;

        Assert.Equal("attempt a Unset attempt=2 endpoint=a outcome=answered wait=3", spans.Lines[1]);
    }

    [Fact]
    public async Task AStreamsSpan_EndsWithTheStream()
    {
        using FakeSpans spans = new();
        using FakePool pool = new(1);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "x", "y");

        await foreach (ChatResponseUpdate _ in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: Token))
        {
            Assert.Empty(spans.Ended);
            Assert.Same(spans.Caller, Activity.Current);
        }

        Assert.Equal(["attempt a Unset attempt=1 endpoint=a outcome=answered wait=0"], spans.Lines);
    }

    [Fact]
    public async Task AStreamsSpan_RecordsACut()
    {
        using FakeSpans spans = new();
        using FakePool pool = new(1);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(FakeFailure.Reset(), "x");

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Equal(["attempt a Error attempt=1 endpoint=a outcome=cut wait=0 error.type=System.Net.Http.HttpRequestException"], spans.Lines);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnAnswerOverHttp_RecordsItsStatus(bool streaming)
    {
        using FakeSpans spans = new();
        using ServicePool pool = new(["one"]);

        await pool.AskAsync(streaming);

        Assert.Equal(["attempt one Unset attempt=1 endpoint=one outcome=answered wait=0 http.response.status_code=200"], spans.Lines);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhereNoSpanIsSampled_NoneIsMade(bool streaming)
    {
        using FakeSpans spans = new(listener => listener.Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.None);
        using FakePool pool = new(1);

        Assert.Equal("a", await pool.AskAsync(streaming));

        Assert.Empty(spans.Ended);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACallersSpan_ThatIsOver_StaysTheCurrentOne(bool streaming)
    {
        using FakeSpans spans = new();
        using FakePool pool = new(1);
        Activity over = Activity.Current!;
        over.Stop();
        Activity? before = Activity.Current;

        await pool.AskAsync(streaming);
        Task call = pool.AskAsync(streaming);

        Assert.Same(before, Activity.Current);
        await call;
        Assert.Equal(2, spans.Ended.Length);
    }

    private static Task<ChatResponse> Fail(List<Activity?> seen)
    {
        seen.Add(Activity.Current);
        return Task.FromException<ChatResponse>(FakeFailure.Status(500));
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> FailStream(List<Activity?> seen)
    {
        seen.Add(Activity.Current);
        await Task.CompletedTask;
        throw FakeFailure.Status(500);
#pragma warning disable CS0162 // What makes it an iterator.
        yield break;
#pragma warning restore CS0162
    }
}
