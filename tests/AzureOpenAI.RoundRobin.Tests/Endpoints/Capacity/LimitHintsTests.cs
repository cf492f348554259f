using System.Net.Http.Headers;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class LimitHintsTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly LimitHints _hints;

    public LimitHintsTests() => _hints = new(_time, "gpt");

    private long Now => _time.GetTimestamp();

    [Fact]
    public void New_IsNotNearAndHasNoNews()
    {
        Assert.Equal((false, false, long.MaxValue), (_hints.IsNear, _hints.HasNews, _hints.NearUntil));
        Assert.False(_hints.Apply(Now));
        Assert.False(_hints.Advance(Now));
    }

    [Fact]
    public void Hear_Near_IsNewsUntilItIsTaken()
    {
        Hear(near: 5);
        Assert.Equal((false, true), (_hints.IsNear, _hints.HasNews));

        Assert.True(_hints.Apply(Now));

        Assert.Equal((true, false, _time.After(Now, TimeSpan.FromSeconds(5))), (_hints.IsNear, _hints.HasNews, _hints.NearUntil));
        Hear(near: 5);
        Assert.False(_hints.HasNews);
        Assert.False(_hints.Apply(Now));
    }

    [Fact]
    public void Hear_NotNear_IsNewsOnlyWhereItWasNear()
    {
        Hear(near: null);
        Assert.False(_hints.HasNews);
        Assert.False(_hints.Apply(Now));
        HearAndTake(near: 5);
        Hear(near: null);
        Assert.True(_hints.HasNews);

        Assert.True(_hints.Apply(Now));

        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
    }

    [Fact]
    public void Hear_NothingOfLimits_ChangesNothing()
    {
        Hear(near: 5);

        _hints.Answered(Headers(("x-request-id", "1")));

        Assert.True(_hints.Apply(Now));
        Assert.True(_hints.IsNear);
    }

    [Fact]
    public void Advance_AfterItsReset_IsNotNear()
    {
        HearAndTake(near: 5);
        _time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(_hints.Advance(Now));
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True(_hints.Advance(Now));

        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
        Assert.False(_hints.Advance(Now));
    }

    [Fact]
    public void Take_ResetAlreadyOver_ChangesNothing()
    {
        Hear(near: 5);
        _time.Advance(TimeSpan.FromSeconds(6));

        Assert.False(_hints.Apply(Now));
        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
    }

    [Fact]
    public void Hear_AlwaysNearWithoutARejection_IsNotBelievedForLong()
    {
        Assert.Equal([true, true, false, false, false], Enumerable.Range(0, 5).Select(_ => RestAndHear()));
        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
    }

    [Fact]
    public void Confirm_ByARejection_RestoresBelief()
    {
        for (int i = 0; i < 5; i++)
        {
            RestAndHear();
        }

        _hints.Confirm();

        Assert.Equal([true, true, false], Enumerable.Range(0, 3).Select(_ => RestAndHear()));
    }

    [Fact]
    public void Hear_NotNear_RestoresBelief()
    {
        for (int i = 0; i < 5; i++)
        {
            RestAndHear();
        }

        HearAndTake(near: null);

        Assert.True(RestAndHear());
    }

    [Fact]
    public void Hear_AgainBeforeTheReset_IsStillBelieved()
    {
        for (int i = 0; i < 10; i++)
        {
            HearAndTake(near: 5);
        }

        Assert.True(_hints.IsNear);
    }

    [Fact]
    public async Task Hear_FromManyThreads_EndsWithOneOfThem()
    {
        using Barrier together = new(8);
        long[] rests = [.. Enumerable.Range(1, 8).Select(i => _time.After(Now, TimeSpan.FromSeconds(i)))];
        await Task.WhenAll(Enumerable.Range(1, 8).Select(i => Task.Run(() =>
        {
            HttpResponseHeaders near = Near(i);
            HttpResponseHeaders fine = Headers(("x-ratelimit-remaining-tokens", "100"), ("x-ratelimit-limit-tokens", "100"));
            together.SignalAndWait(TestContext.Current.CancellationToken);
            for (int n = 0; n < 1000; n++)
            {
                _hints.Answered(fine);
                _hints.Answered(near);
            }
        })));

        // Each thread's last word was that it is near.
        Assert.True(_hints.Apply(Now));
        Assert.Contains(_hints.NearUntil, rests);
    }

    [Theory]
    // The limit is one call a second, and each answer is the last before the reset.
    [InlineData(1, 1, true, false)]
    // A reset in whole seconds is up to one second late.
    [InlineData(2, 1, true, false)]
    [InlineData(60, 1, true, true)]
    [InlineData(60, 60, true, false)]
    // Refusals say it rightly.
    [InlineData(60, 1, false, false)]
    public void ResetIsNoPause_WhereCallsAreTakenBeforeIt(int resetSeconds, int eachSeconds, bool isSuccess, bool expected)
    {
        for (int i = 0; i < 5; i++)
        {
            _hints.Answered(Headers(("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-limit-requests", "60"), ("x-ratelimit-reset-requests", $"{resetSeconds}")), isSuccess);
            _time.Advance(TimeSpan.FromSeconds(eachSeconds));
        }

        Assert.Equal(expected, _hints.ResetIsNoPause);
    }

    [Fact]
    public void ResetIsNoPause_NeedsTwoContradictions()
    {
        HttpResponseHeaders spent = Headers(("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "60"));
        _hints.Answered(spent);
        _hints.Answered(spent);
        Assert.False(_hints.ResetIsNoPause);

        _hints.Answered(spent);

        Assert.True(_hints.ResetIsNoPause);
    }

    private static HttpResponseHeaders Headers(params (string Name, string Value)[] headers)
    {
        HttpResponseHeaders all = new HttpResponseMessage().Headers;
        Array.ForEach(headers, header => all.Add(header.Name, header.Value));
        return all;
    }

    private static (string Name, string Value)[] NearHeaders(double seconds) =>
        [("x-ratelimit-remaining-tokens", "1"), ("x-ratelimit-limit-tokens", "100"), ("x-ratelimit-reset-tokens", $"{seconds}s")];

    private static HttpResponseHeaders Near(double seconds) => Headers(NearHeaders(seconds));

    private void Hear(double? near) =>
        _hints.Answered(near is { } seconds ? Near(seconds) : Headers(("x-ratelimit-remaining-tokens", "60"), ("x-ratelimit-limit-tokens", "100")));

    private void HearAndTake(double? near)
    {
        Hear(near);
        _hints.Apply(Now);
    }

    /// <summary>Hears that it is near, and has its rest if that is believed.</summary>
    private bool RestAndHear()
    {
        HearAndTake(near: 5);
        bool believed = _hints.IsNear;
        _time.Advance(TimeSpan.FromSeconds(5));
        _hints.Advance(Now);
        return believed;
    }
}
