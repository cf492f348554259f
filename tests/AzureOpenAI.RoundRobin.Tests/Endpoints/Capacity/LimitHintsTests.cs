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
    public void Untouched_IsNotNearAndHasNoNews()
    {
        Assert.Equal((false, false, long.MaxValue), (_hints.IsNear, _hints.HasNews, _hints.NearUntil));
        Assert.False(_hints.Take(Now));
        Assert.False(_hints.Advance(Now));
    }

    [Fact]
    public async Task Headers_WhateverTheySay_KeepNobodyFromItsTurnForGood()
    {
        Gen<(string, string)> header = Gen.Select(
            Gen.OneOf("x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens",
                "azure-openai-deployment-utilization", "x-ms-spillover-from-deployment", "x-ms-spillover-from-gpt", "x-ms-spillover-error", "Retry-After", "retry-after-ms"),
            Gen.OneOf(
                Gen.OneOf("0", "-1", "1", "100", "1e308", "NaN", "Infinity", "60", "59s", "1m", "1000h", "99999999999999999999", "100%", "-5%", "%", "Fri, 31 Dec 9999 23:59:59 GMT"),
                Gen.Char[' ', '~'].Array[0, 12].Select(static letters => new string(letters))));
        await header.Array[0, 8].Array[1, 4].SampleAsync(static async said =>
        {
            using ServicePool pool = new(["one", "two"]);
            int answers = 0;
            pool.Service.On = request =>
            {
                HttpResponseMessage answer = FakeService.Answer(request);
                foreach ((string name, string value) in request.Host == "one" ? said[answers++ % said.Length] : [])
                {
                    answer.Headers.TryAddWithoutValidation(name, value);
                }

                return answer;
            };

            for (int i = 0; i < 60; i++)
            {
                await pool.AskAsync();
                pool.Time.Advance(TimeSpan.FromSeconds(5));
            }

            // It can say once a minute that it is near its limit, and take that back with the next answer.
            Assert.InRange(answers, 5, 55);
            Assert.All(pool.Pool.GetStatus(), static status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
        }, iter: 60);
    }

    [Fact]
    public void Hear_ThatItIsNear_IsNewsUntilItIsTaken()
    {
        Hear(near: 5);
        Assert.Equal((false, true), (_hints.IsNear, _hints.HasNews));

        Assert.True(_hints.Take(Now));

        Assert.Equal((true, false, _time.After(Now, TimeSpan.FromSeconds(5))), (_hints.IsNear, _hints.HasNews, _hints.NearUntil));
        Hear(near: 5);
        Assert.False(_hints.HasNews);
        Assert.False(_hints.Take(Now));
    }

    [Fact]
    public void Hear_ThatAllIsFine_IsNewsOnlyWhereItWasNear()
    {
        Hear(near: null);
        Assert.False(_hints.HasNews);
        Assert.False(_hints.Take(Now));
        HearAndTake(near: 5);
        Hear(near: null);
        Assert.True(_hints.HasNews);

        Assert.True(_hints.Take(Now));

        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
    }

    [Fact]
    public void Hear_NothingOfLimits_ChangesNothing()
    {
        Hear(near: 5);

        _hints.Answered(Headers(("x-request-id", "1")));

        Assert.True(_hints.Take(Now));
        Assert.True(_hints.IsNear);
    }

    [Fact]
    public void Advance_AfterItsRest_IsNearNoMore()
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
    public void Take_OfARestThatIsOverAlready_ChangesNothing()
    {
        Hear(near: 5);
        _time.Advance(TimeSpan.FromSeconds(6));

        Assert.False(_hints.Take(Now));
        Assert.Equal((false, long.MaxValue), (_hints.IsNear, _hints.NearUntil));
    }

    [Fact]
    public void OneThatIsAlwaysNear_AndNeverRejects_IsNotBelievedForLong()
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
    public void Hear_ThatAllIsFine_RestoresBelief()
    {
        for (int i = 0; i < 5; i++)
        {
            RestAndHear();
        }

        HearAndTake(near: null);

        Assert.True(RestAndHear());
    }

    [Fact]
    public void Hear_InTheSameRest_IsNoDoubt()
    {
        for (int i = 0; i < 10; i++)
        {
            HearAndTake(near: 5);
        }

        Assert.True(_hints.IsNear);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_ThatHasFailedAtTheOthers_GoesToTheOneThatIsNearItsLimitAtOnce(bool streaming)
    {
        using ServicePool pool = new(["one", "two"]);
        pool.Service.On = request =>
        {
            HttpResponseMessage answer = FakeService.Answer(request);
            foreach ((string name, string value) in request.Host == "two" ? NearHeaders(5) : [])
            {
                answer.Headers.Add(name, value);
            }

            return answer;
        };
        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync(streaming);
        }

        pool.Service.On = request => request.Host == "one" ? FakeService.Refusal(500) : null;
        int before = pool.Service.Requests.Length;

        Assert.Equal("two", await pool.AskAsync(streaming));
        Assert.Equal(["one", "two"], pool.Service.Requests.Skip(before).Select(request => request.Host));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnEndpoint_ThatIsNearItsLimit_HasNoTurnsUntilItsRestIsOver_UnlessAllAreNear(bool streaming)
    {
        using ServicePool pool = new(["one", "two", "three"]);
        HashSet<string> near = ["two"];
        pool.Service.On = request =>
        {
            HttpResponseMessage answer = FakeService.Answer(request);
            foreach ((string name, string value) in near.Contains(request.Host) ? NearHeaders(5) : [])
            {
                answer.Headers.Add(name, value);
            }

            return answer;
        };

        Assert.Equal("1 1 1", await AskAsync(3));
        Assert.Equal("3 0 3", await AskAsync(6));
        near.UnionWith(["one", "three"]);
        Assert.Equal("1 0 1", await AskAsync(2));
        Assert.Equal("2 2 2", await AskAsync(6));
        // In turn, and not as calls that the rotation has no room for.
        Assert.Equal(3, pool.Pool.DefaultGroup.Rotation.Count);
        near.Clear();
        pool.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("2 2 2", await AskAsync(6));

        async Task<string> AskAsync(int count)
        {
            int before = pool.Service.Requests.Length;
            for (int i = 0; i < count; i++)
            {
                await pool.AskAsync(streaming);
            }

            return string.Join(' ', new[] { "one", "two", "three" }.Select(host => pool.Service.Requests.Skip(before).Count(request => request.Host == host)));
        }
    }

    [Fact]
    public async Task Hear_FromManyThreads_EndsWithOneOfWhatWasHeard()
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
        Assert.True(_hints.Take(Now));
        Assert.Contains(_hints.NearUntil, rests);
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
        _hints.Take(Now);
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
