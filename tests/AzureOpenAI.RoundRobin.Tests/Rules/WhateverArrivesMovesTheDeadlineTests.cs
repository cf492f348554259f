using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A stream is alive while bytes of it come, be they updates or comments.</summary>
[Trait("Rule", "R8")]
public sealed class WhateverArrivesMovesTheDeadlineTests : IDisposable
{
    private const string KeepAlive = ": keep-alive\n\n";
    private const string Finish = """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}""" + "\n\ndata: [DONE]\n\n";
    private const string Content = """data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"one"},"finish_reason":null}]}""" + "\n\n";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    private readonly SteppedBody _body = new();

    public void Dispose() => _body.Dispose();

    [Theory]
    [InlineData(KeepAlive)]
    [InlineData(":")]
    public async Task Comments_BeforeContent_KeepTheStreamAlive(string comment)
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        for (int i = 0; i < 6; i++)
        {
            pool.Time.Advance(Limit / 2);
            await _body.SayAsync(comment);
        }

        _body.End($"\n\n{Content}{Finish}");

        Assert.Equal("one", await call);
        Assert.Single(pool.Service.Requests);
    }

    [Fact]
    public async Task Comments_AfterContent_KeepTheStreamAlive()
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        await SayAsync(pool, Content);
        for (int i = 0; i < 6; i++)
        {
            pool.Time.Advance(Limit / 2);
            await _body.SayAsync(KeepAlive);
        }

        _body.End(Content + Finish);

        Assert.Equal("oneone", await call);
    }

    [Fact]
    public async Task Comments_AfterTheFinish_KeepNobodyWaitingBeyondFiveSeconds()
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        await SayAsync(pool, Content);
        await SayAsync(pool, Finish.Replace("data: [DONE]\n\n", "", StringComparison.Ordinal));
        pool.Time.Advance(TimeSpan.FromSeconds(3));
        await _body.SayAsync(KeepAlive);

        pool.Time.Advance(TimeSpan.FromSeconds(2) - Moment);
        Assert.False(call.IsCompleted);
        pool.Time.Advance(Moment);

        Assert.Equal("one", await call);
        Assert.Equal(0, pool.Pool.GetStatus()[0].Failed);
    }

    [Fact]
    public async Task Silence_AfterComments_TimesOutFromTheLast()
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        pool.Time.Advance(Limit / 2);
        await _body.SayAsync(KeepAlive);

        pool.Time.Advance(Limit - Moment);
        Assert.Equal(0, pool.Pool.GetStatus()[0].Failed);
        pool.Time.Advance(Moment);

        Assert.Equal("two", await call);
        Assert.Equal(EndpointFailureReason.TimedOut, pool.Pool.GetStatus()[0].LastError!.Reason);
    }

    [Fact]
    public async Task Silence_AfterContent_InterruptsTheStream()
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        await SayAsync(pool, Content);
        pool.Time.Advance(Limit / 2);
        await _body.SayAsync(KeepAlive);

        pool.Time.Advance(Limit - Moment);
        Assert.False(call.IsCompleted);
        pool.Time.Advance(Moment);

        Assert.Equal("one", (await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => call)).EndpointName);
    }

    [Fact]
    public async Task FirstContentTimeout_IsNotMoved()
    {
        using ServicePool pool = Pool(options => options.FirstContentTimeout = 1.5 * Limit);
        Task<string> call = pool.AskAsync(streaming: true);
        await _body.IsReadAsync();
        for (int i = 0; i < 2; i++)
        {
            pool.Time.Advance(0.7 * Limit);
            await _body.SayAsync(KeepAlive);
        }

        Assert.Equal(0, pool.Pool.GetStatus()[0].Failed);
        pool.Time.Advance(0.1 * Limit);

        Assert.Equal("two", await call);
    }

    [Fact]
    public async Task Head_MovesTheDeadline()
    {
        using ServicePool pool = Pool();
        TaskCompletionSource head = new();
        pool.Service.Before = request => request.Host == "one" ? head.Task : Task.CompletedTask;
        Task<string> call = pool.AskAsync(streaming: true);
        pool.Time.Advance(0.9 * Limit);
        head.SetResult();
        await _body.IsReadAsync();
        pool.Time.Advance(0.9 * Limit);

        _body.End(Content + Finish);

        Assert.Equal("one", await call);
    }

    [Fact]
    public async Task Call_IsNotKeptAliveByPartsOfItsAnswer()
    {
        using ServicePool pool = Pool();
        Task<string> call = pool.AskAsync();
        await _body.IsReadAsync();
        pool.Time.Advance(0.9 * Limit);
        await _body.SayAsync("{");
        pool.Time.Advance(0.1 * Limit);

        Assert.Equal("two", await call);
    }

    /// <summary>Says an update. More is asked for before the next deadline is set, and only then time may pass.</summary>
    private async Task SayAsync(ServicePool pool, string update)
    {
        await _body.SayAsync(update);
        await Eventually.TrueAsync(() => pool.Pool.CountArmed() == 1);
    }

    private ServicePool Pool(Action<RoundRobinOptions>? configure = null)
    {
        ServicePool pool = new(["one", "two"], configure: options =>
        {
            options.AttemptTimeout = Limit;
            configure?.Invoke(options);
        });
        pool.Service.On = request => request.Host == "one" ? _body.Response : null;
        return pool;
    }
}
