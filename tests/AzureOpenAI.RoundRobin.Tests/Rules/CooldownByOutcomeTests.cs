using System.Globalization;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>For how long an endpoint is left alone, seen from outside: the pool's state and the calls that reach the endpoint.</summary>
public class CooldownByOutcomeTests
{
    public static TheoryData<int, string, string, double, bool> Hints
    {
        get
        {
            TheoryData<int, string, string, double, bool> data = [];
            foreach (bool streaming in new[] { false, true })
            {
                foreach (int status in new[] { 429, 503 })
                {
                    data.Add(status, "retry-after-ms", "1500", 1.5, streaming);
                    data.Add(status, "x-ms-retry-after-ms", "700", 0.7, streaming);
                    data.Add(status, "Retry-After", "7", 7, streaming);
                    data.Add(status, "Retry-After", "0.25", 0.25, streaming);
                    data.Add(status, "Retry-After", Clocks.Start.AddSeconds(42).ToString("R", CultureInfo.InvariantCulture), 42, streaming);
                    data.Add(status, "Retry-After", "300", 300, streaming);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Hints))]
    public async Task AHint_OfUpToFiveMinutes_IsKeptExactly(int status, string name, string value, double seconds, bool streaming)
    {
        using FakePool pool = new(2, jitter: () => 1);
        pool.Clients[0].Plays(FakeFailure.Status(status, (name, value)));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(seconds, pool.OutFor(0));
        pool.Time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
        Assert.Equal(1, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RateLimited_WithoutHint_Doubles(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(429);

        foreach (double seconds in new double[] { 1, 2, 4, 8, 16, 30, 30 })
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("0")]
    [InlineData("-3")]
    public async Task RateLimited_WithAHintThatIsNone_IsLikeNoHint(string value)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429, ("Retry-After", value)));

        await pool.AskAsync();

        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Growth_AfterOneSuccess_IsNotForgotten(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(FakeFailure.Status(429), FakeFailure.Status(429), null, FakeFailure.Status(429));
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming));
        await pool.AskManyAsync(2, streaming);

        Assert.Equal(4, pool.OutFor(0));
    }

    [Theory]
    [InlineData(29.9, 8)]
    [InlineData(30, 4)]
    [InlineData(60, 2)]
    [InlineData(90, 1)]
    [InlineData(3000, 1)]
    public async Task Growth_AfterTimeWithoutFailure_IsForgottenStepByStep(double quiet, double seconds)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        foreach (double pause in new double[] { 1, 2, 4 })
        {
            await pool.AskInTurnOfAsync(0);
            pool.Time.Advance(TimeSpan.FromSeconds(pause));
        }

        pool.Time.Advance(TimeSpan.FromSeconds(quiet));
        await pool.AskInTurnOfAsync(0);

        Assert.Equal(seconds, pool.OutFor(0));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 1.05)]
    [InlineData(1, 1.1)]
    public async Task AGuessedPause_GetsUpToATenthOfJitterAndIsNeverShorter(double jitter, double seconds)
    {
        using FakePool pool = new(2, jitter: () => jitter);
        pool.Clients[0].Fails = FakeFailure.Status(429);

        await pool.AskAsync();

        Assert.Equal(seconds, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Unreachable_FromTheFirst_IsOutForAQuarterOfTheTimeItHasBeen(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        double outSince = 0;
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            double pause = pool.OutFor(0);
            Assert.Equal(Math.Clamp(outSince / 4, 1, 15), pause, 0.001);
            outSince += pause;
            pool.Time.Advance(pool.StatusOf(0).ReadyIn!.Value);
        }

        Assert.True(outSince > 60, "It grew to the most.");
    }

    public static TheoryData<string, bool> IsolatedKinds => new MatrixTheoryData<string, bool>(["500", "502", "424", "529", "503", "reset", "unknown", "broken", "json", "499"], [false, true]);

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task AFault_TheFirst_MovesTheCallOnAndLeavesTheEndpointIn(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Failure(kind));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal("ab", await pool.AskManyAsync(2, streaming));
    }

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task AFault_TheSecondInARow_TakesTheEndpointOut(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = Failure(kind);

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(1, pool.OutFor(0));
        Assert.Equal(2, pool.Clients[0].Calls);
    }

    [Theory]
    [MemberData(nameof(IsolatedKinds))]
    public async Task AFault_WithASuccessBetween_NeverTakesTheEndpointOut(string kind, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Plays(Failure(kind), null, Failure(kind), null, Failure(kind));
        for (int i = 0; i < 10; i++)
        {
            await pool.AskAsync(streaming);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }
    }

    [Fact]
    public async Task ACutStream_FromTheFirst_TakesTheEndpointOutForLonger()
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "content");
        foreach (double seconds in new double[] { 2, 4, 8 })
        {
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskInTurnOfAsync(0, streaming: true));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    [InlineData(404, true)]
    public async Task Misconfigured_FromTheFirst_IsOutForLongerAndLonger(int status, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(status);
        foreach (double seconds in new double[] { 10, 60, 300, 300 })
        {
            Assert.Equal("b", await pool.AskInTurnOfAsync(0, streaming));
            Assert.Equal(seconds, pool.OutFor(0));
            pool.Time.Advance(TimeSpan.FromSeconds(seconds));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Slow_TwiceInARow_IsOutForFourTimesWhatItCost(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = TimeSpan.FromSeconds(3));
        pool.Clients[0].Hold();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromSeconds(3));
            Assert.Equal("b", await call);
        }

        Assert.Equal(12, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateOutcome_OfAnOlderAttempt_NeverShortensTheCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 10).Select(_ => pool.AskAsync(streaming))];
        HeldCall[] held = pool.Clients[0].Held;
        Assert.Equal(5, held.Length);

        held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(20)));
        Assert.Equal(20, pool.OutFor(0));
        held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        Assert.Equal(20, pool.OutFor(0));
        held[2].Fail(FakeFailure.Status(500));
        Assert.Equal(20, pool.OutFor(0));
        held[3].Fail(FakeFailure.Status(401));
        held[4].Answer();

        await Task.WhenAll(calls);
        Assert.InRange(pool.OutFor(0), 9.9, 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateSuccess_OfAnOlderAttempt_DoesNotEndTheCooldown(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.Status(429));
        pool.Clients[0].Held[1].Answer();
        await Task.WhenAll(calls);

        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ManyFailuresOfOneMoment_OfOlderAttempts_CountAsOne(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 20).Select(_ => pool.AskAsync(streaming))];

        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Fail(FakeFailure.Status(429));
        }

        await Task.WhenAll(calls);
        Assert.Equal(1, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateHint_LongerThanTheCooldown_HoldsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(2)));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        await Task.WhenAll(calls);

        Assert.Equal(30, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateHint_AfterTheCooldownHasEnded_HoldsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(2)));
        pool.Time.Advance(TimeSpan.FromSeconds(3));
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        await Task.WhenAll(calls);

        Assert.Equal(30, pool.OutFor(0));
        pool.Clients[0].Fails = null;
        Assert.Equal("bbb", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALateHint_WhileTheEndpointReturns_HoldsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Task<string> probe = pool.AskAsync(streaming);
        Assert.Equal(2, pool.Clients[0].Running);

        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));

        Assert.Equal(30, pool.OutFor(0));
        pool.Clients[0].Held[2].Answer();
        Assert.Equal("a", await probe);
        await Task.WhenAll(calls);
        Assert.Equal(30, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AHintUnder100Ms_PassesOnlyTheEndpointsTurnOver(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(99)));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        string meanwhile = await pool.AskManyAsync(6, streaming);
        Assert.DoesNotContain('a', meanwhile);
        pool.Time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.Equal(2, (await pool.AskManyAsync(6, streaming)).Count(answer => answer == 'a'));
    }

    [Fact]
    public async Task ARejectionOutOfTheBlue_IsReckonedFromWhatWasAnsweredLately()
    {
        // Four a second each. Half of a window of a second is over when it is shut, so it cannot have taken much more.
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        for (int second = 0; second < 60; second++)
        {
            Task<string>[] calls = [.. Enumerable.Range(0, 8).Select(_ => pool.AskAsync())];
            Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
            await Task.WhenAll(calls);
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Task<string> rejected = pool.AskAsync();
        Task<string> answered = pool.AskAsync();
        pool.Clients[0].Held[^1].Fail(FakeFailure.Status(429, ("retry-after-ms", "500")));
        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        int before = pool.Clients[0].Calls;

        Task<string>[] burst = [.. Enumerable.Range(0, 100).Select(_ => pool.AskAsync())];

        Assert.InRange(pool.Clients[0].Calls - before, 1, 8);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll([rejected, answered, .. burst]);
    }

    [Theory]
    [InlineData(1, 9)]
    [InlineData(4, 6)]
    public async Task ARejectionOutOfTheBlue_IsReckonedFromWhatRunsToo_SinceItsWindowBegan(int rejected, int window)
    {
        // A window of a second is shut after half of it: the twenty before that say nothing, and of the ten since some are rejected.
        using FakePool pool = new(2, endpoint: (i, entry) => entry.Weight = 1 + i);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string>[] calls = Ask(60);
        pool.Time.Advance(TimeSpan.FromMilliseconds(700));
        calls = [.. calls, .. Ask(30)];
        Array.ForEach(pool.Clients[0].Held[^rejected..], static held => held.Fail(FakeFailure.Status(429, ("retry-after-ms", "500"))));
        pool.Time.Advance(TimeSpan.FromMilliseconds(500));
        int before = pool.Clients[0].Calls;

        calls = [.. calls, .. Ask(150)];

        Assert.InRange(pool.Clients[0].Calls - before, window, window + 1);
        Array.ForEach(pool.Clients, static client => Array.ForEach(client.Held, static held => held.Answer()));
        await Task.WhenAll(calls);

        Task<string>[] Ask(int count) => [.. Enumerable.Range(0, count).Select(_ => pool.AskAsync())];
    }

    [Fact]
    public async Task Status_OfAnEndpointThatIsOut_SaysWhyAndHowOftenAndForHowLong()
    {
        using FakePool pool = new(2);
        Exception failure = FakeFailure.RateLimited(TimeSpan.FromSeconds(5));
        pool.Clients[0].Plays(failure);
        await pool.AskManyAsync(2);

        EndpointStatus status = pool.StatusOf(0);

        Assert.Equal(
            ("a", EndpointState.Unavailable, EndpointFailureReason.RateLimited, TimeSpan.FromSeconds(5), 0, 0L, 1L, 1L),
            (status.Name, status.State, status.Reason, status.ReadyIn, status.InFlight, status.Answered, status.Failed, status.RateLimited));
        Assert.Same(failure, status.LastError!.Exception);
        Assert.Equal(429, status.LastError.Status);
        Assert.Equal(2, pool.StatusOf(1).Answered);
        Assert.Contains("'a' Unavailable (rate limited) for 5 s", status.ToString(), StringComparison.Ordinal);
    }

    private static Exception Failure(string kind) => kind switch
    {
        "reset" => FakeFailure.Reset(),
        "unknown" => new InvalidOperationException("unknown"),
        "broken" => new IOException("broken"),
        "json" => new JsonException("broken"),
        _ => FakeFailure.Status(int.Parse(kind, CultureInfo.InvariantCulture)),
    };
}
