using System.ClientModel;
using System.Net;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>All endpoints are out: by a fault, by their configuration, by both; and the pool of one.</summary>
public class NoEndpointAvailableTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatErrsWhenItIsProbed_IsLeftAPauseBetweenProbes(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Task<string>[] calls = [pool.AskAsync(streaming), pool.AskAsync(streaming), pool.AskAsync(streaming)];
        await pool.SettleAsync();
        int refused = pool.Clients[0].Calls;

        pool.Clients[0].Plays([.. Enumerable.Repeat(FakeFailure.Status(500), 20)]);
        for (int i = 0; i < 8; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.InRange(pool.Clients[0].Calls - refused, 1, 4);
        pool.Clients[0].Fails = null;
        await pool.AdvanceAsync(4);
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutByFaults_TheLineProbes_AtMostFourTimesASecond(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        Task<string>[] calls = [.. Enumerable.Range(0, 10).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        for (int i = 0; i < 100; i++)
        {
            await pool.AdvanceAsync(0.05);
        }

        // After the first round, and the probe that the line makes at once: those that it forces, four a second, and cooldowns that end.
        double[] times = [.. pool.Clients.SelectMany(client => client.Times).Order().Skip(4)];
        Assert.InRange(times.Length, 12, 30);
        Assert.All(times, from => Assert.InRange(times.Count(time => time >= from && time < from + 1), 0, 4 + 3));
        Assert.All(pool.Clients, client => Assert.True(client.Times.Zip(client.Times[1..], (one, next) => next - one).Skip(1).All(gap => gap >= 0.2)));
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = null;
        }

        for (int i = 0; i < 10; i++)
        {
            await pool.AdvanceAsync(0.05);
        }

        Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutByFaults_AProbeThatHangs_IsTheOnlyOneAtItsEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Refused();
        }

        Task<string>[] calls = [.. Enumerable.Range(0, 6).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Hold();
        }

        await pool.AdvanceAsync(0.25);
        Assert.Equal(1, pool.InFlight);
        await pool.AdvanceAsync(0.249);
        Assert.Equal(1, pool.InFlight);
        pool.Pool.Dispose();
        foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Task.WhenAll(calls));
        Assert.Equal(1, calls.Count(call => call.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AProbe_ThatIsNotBack_IsFollowedByAnotherEachTenSeconds(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Fails = new TimeoutException();
        await pool.AskManyAsync(2, streaming);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(110));
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        Assert.Equal((EndpointState.Probing, 1), (pool.StateOf(0), pool.Clients[0].Running));

        // It hung before, so only a whole answer counts. The first of these calls hang still.
        await pool.AdvanceAsync(9.9);
        Assert.Equal(1, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(2, pool.Clients[0].Running);
        await pool.AdvanceAsync(9.9);
        Assert.Equal(2, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(3, pool.Clients[0].Running);
        pool.Clients[0].Held[2].Answer();
        await pool.SettleAsync();

        // Those that hang do not take the places of those that wait.
        Assert.Equal((0, 2 + 6), (pool.Waiting, pool.Clients[0].Running));
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Answer();
        }

        await Task.WhenAll(calls);
        Assert.Equal(0, pool.InFlight);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ProbesThatAreNotBack_OfSeveralEndpoints_AreFollowedOneByOne(bool streaming)
    {
        using FakePool pool = new(3, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Fails = new TimeoutException();
        pool.Clients[1].Fails = new TimeoutException();
        for (int i = 0; i < 2; i++)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => pool.AskAsync(streaming));
            await pool.AskInTurnOfAsync(2, streaming);
        }

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable], [pool.StateOf(0), pool.StateOf(1)]);
        pool.Clients[2].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(110));
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        Assert.Equal(2, pool.InFlight);

        await pool.AdvanceAsync(9.9);
        Assert.Equal(2, pool.InFlight);
        await pool.AdvanceAsync(0.1);
        Assert.Equal(3, pool.InFlight);
        await pool.AdvanceAsync(0.25);
        Assert.Equal(4, pool.InFlight);
        pool.Pool.Dispose();
        foreach (HeldCall held in pool.Clients.SelectMany(client => client.Held))
        {
            held.Answer();
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Task.WhenAll(calls));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AProbe_OfAResourceThatTakesLongToFail_IsFollowedByAnotherToo(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(2));
        pool.Clients[0].Hold();
        Task<string> first = pool.AskAsync(streaming);
        await pool.AdvanceAsync(30);
        pool.Clients[0].Held[0].Fail(FakeFailure.Refused());
        await pool.SettleAsync();
        Task<string> second = pool.AskAsync(streaming);
        await pool.AdvanceAsync(0.001);
        Assert.Equal((1, 1), (pool.InFlight, pool.Waiting));

        await pool.AdvanceAsync(9.9);
        Assert.Equal(1, pool.InFlight);
        await pool.AdvanceAsync(0.1);

        Assert.Equal((2, 0), (pool.InFlight, pool.Waiting));
        pool.Clients[0].Held[1].Answer();
        pool.Clients[0].Held[2].Answer();
        await Task.WhenAll(first, second);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutByFaults_TheLineProbesFirst_WhoWasNotAskedForLongest(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        pool.Clients[1].Fails = FakeFailure.Refused();

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync();

        Assert.Equal([0, 0.5], pool.Clients[0].Times);
        Assert.Equal([0, 0.5], pool.Clients[1].Times);
        pool.Clients[0].Fails = null;
        pool.Clients[1].Fails = null;
        await pool.AdvanceAsync(0.25);
        await call;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutByAStatedTime_NobodyIsAskedBeforeIt(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(10));
        pool.Clients[1].Fails = FakeFailure.Status(503, ("Retry-After", "20"));
        Task<string>[] calls = [.. Enumerable.Range(0, 5).Select(_ => pool.AskAsync(streaming))];

        for (int i = 0; i < 99; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal([1, 1], pool.Calls);
        pool.Clients[0].Fails = null;
        pool.Clients[1].Fails = null;
        for (int i = 0; i < 20; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        await Task.WhenAll(calls);
        Assert.Equal(1, pool.Clients[1].Calls);
        Assert.Equal(10, pool.Clients[0].Times[1], 0.01);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneByAFaultAndOneByAStatedTime_OnlyTheFaultyIsProbed(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Refused();
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20));
        Task<string> call = pool.AskAsync(streaming);

        for (int i = 0; i < 20; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.Equal(1, pool.Clients[1].Calls);
        Assert.InRange(pool.Clients[0].Calls, 5, 26);
        pool.Clients[0].Fails = null;
        await pool.AdvanceAsync(1);
        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_All_SurfaceAtOnceWithAllEndpoints(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.Status(403);
        pool.Clients[2].Fails = FakeFailure.Status(404);
        for (int i = 0; i < 5; i++)
        {
            EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

            Assert.Equal(["a", "b", "c"], failure.Attempts.Select(attempt => attempt.EndpointName).Order());
            Assert.Contains("misconfigured", failure.Message, StringComparison.Ordinal);
            Assert.True(failure.Status is 401 or 403 or 404);
            Assert.NotNull(failure.GetRawResponse());
            Assert.Null(failure.RetryAfter);
        }

        Assert.Equal([1, 1, 1], pool.Calls);
        Assert.Equal(0, pool.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_AllByTheirKeys_AreToldSo(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.Status(403);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Contains("refuses its key", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_OneByItsDeployment_FoundByAnEarlierCall_IsNotToldToBeAKey(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(404);
        Assert.Equal("b", await pool.AskAsync(streaming));
        pool.Clients[1].Fails = FakeFailure.Status(401);
        pool.Clients[2].Fails = FakeFailure.Status(401);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.StartsWith("Every endpoint is misconfigured, with a key that it refuses or a deployment that it does not have.", failure.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 1], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_All_OneCallASecondAsksAgain(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(401);
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        for (int second = 0; second < 5; second++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.999));
            await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            Assert.Equal([second + 1, second + 1], pool.Calls);
            pool.Time.Advance(TimeSpan.FromSeconds(0.001));
            for (int i = 0; i < 5; i++)
            {
                await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
            }

            Assert.Equal([second + 2, second + 2], pool.Calls);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_All_ARepairedKeyIsFoundWithinASecond(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(401);
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Clients[1].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("b", await pool.AskAsync(streaming));
        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_All_ADeploymentThatIsMadeMeanwhile_TakesCallsFromThenOn(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Fails = FakeFailure.Status(404));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal("aaa", await pool.AskManyAsync(3, streaming));
        Assert.NotEqual(EndpointState.Unavailable, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_AndATimeNamedBesides_IsNotAskedBeforeThat(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 2).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        pool.Clients[0].Held[1].Fail(FakeFailure.Status(401));
        await Assert.ThrowsAnyAsync<Exception>(() => Task.WhenAll(calls));
        for (int i = 0; i < 14; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(2));
            await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming));
        }

        Assert.Equal([2], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OutByRejectionsThatNameNoTime_AProbeOfTheLineThatIsAnswered_OpensItsEndpoint(bool streaming)
    {
        using FakePool pool = new(2);
        Array.ForEach(pool.Clients, client => client.Plays(FakeFailure.Status(429)));

        string first = await pool.AskAsync(streaming);

        Assert.Equal(EndpointState.Recovering, pool.StateOf(first[0] - 'a'));
        Task<string> second = pool.AskAsync(streaming);
        Assert.True(second.IsCompleted);
        Assert.Equal(first, await second);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatIsKnownToTakeMany_TakesThemAsSoonAsAProbeIsAdmitted(bool streaming)
    {
        using FakePool pool = new(1);
        await pool.AskManyAsync(64, streaming);
        pool.Clients[0].Plays(FakeFailure.Status(429));
        Task<string> rejected = pool.AskAsync(streaming);
        pool.Clients[0].Hold();
        Task<string>[] calls = [rejected, .. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        Assert.Equal(10, pool.Waiting);

        await pool.AdvanceAsync(0.5);
        Assert.Equal(1, pool.Clients[0].Running);
        await pool.AdvanceAsync(0.3);

        Assert.Equal(10, pool.Clients[0].Running);
        Array.ForEach(pool.Clients[0].Held, held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Misconfigured_WhileOthersAreFit_CostsEachPeriodOneCall(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        for (int second = 0; second < 9; second++)
        {
            Assert.Equal("bbbbb", await pool.AskManyAsync(5, streaming));
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(1, pool.Clients[0].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMix_WaitsForTheOthersAndNotForTheMisconfigured(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(20));
        pool.Clients[2].Fails = FakeFailure.Refused();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 36; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.Equal([1, 1], pool.Calls[..2]);
        Assert.InRange(pool.Clients[2].Calls, 5, 50);
        pool.Clients[2].Fails = null;
        await pool.AdvanceAsync(1);
        Assert.Equal("c", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AMix_ThatIsBeyondMaxWait_IsRefusedByTheOthersTime(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(40));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal((429, TimeSpan.FromSeconds(40)), (failure.Status, failure.RetryAfter));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLastFaultyEndpoint_TurnsOutMisconfigured_ThoseWhoWaitAreToldAtOnce(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(401);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(5));
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[1].Fails = FakeFailure.Status(404);

        await pool.AdvanceAsync(5);

        foreach (Task<string> call in calls)
        {
            EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
            Assert.Contains("misconfigured", failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_AfterAnIsolatedFault_AsksAgainAfterHalfASecond(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.Status(500));
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Equal(1, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("a", await call);
        Assert.Equal([0, 0.5], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatGoesOnErring_IsLeftLongerAndLongerPausesWhileMaxWaitLasts(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(20));
        pool.Clients[0].Fails = FakeFailure.Status(500);
        Task<string> call = pool.AskAsync(streaming);
        int calls = 1;
        foreach (double pause in new[] { 0.5, 1, 2, 4, 4, 4, 4 })
        {
            await pool.AdvanceAsync(pause - 0.001, paused: 1);
            Assert.Equal((calls, false), (pool.Clients[0].Calls, call.IsCompleted));
            pool.Time.Advance(TimeSpan.FromSeconds(0.001));
            await Eventually.TrueAsync(() => pool.Clients[0].Calls > calls || call.IsCompleted);
            calls = pool.Clients[0].Calls;
        }

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
        Assert.Equal([0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatIsUnreachable_IsAskedAgainAfterAHalfOneAndTwoSeconds(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 299; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal([0, 0.5, 1.5], pool.Clients[0].Times[..3]);
        Assert.All(pool.Clients[0].Times.Zip(pool.Clients[0].Times[1..], (one, next) => next - one), gap => Assert.InRange(gap, 0.5, 15));
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatStatesATime_IsAskedAgainExactlyThen(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(7)));
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 70; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal("a", await call);
        Assert.Equal([0, 7], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_WithAShortHint_IsAskedAgainExactlyThen(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(40)));
        Task<string> call = pool.AskAsync(streaming);

        await pool.AdvanceAsync(0.039);
        Assert.Equal(1, pool.Clients[0].Calls);
        await pool.AdvanceAsync(0.001);

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatIsMisconfigured_SurfacesTheSdksExceptionAtOnce(bool streaming)
    {
        using FakePool pool = new(1);
        Exception failure = FakeFailure.Status(401);
        pool.Clients[0].Fails = failure;

        Assert.Same(failure, await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatRejectsAndSaysNotForHowLong_IsAskedAgainAfterFourSecondsAtMost(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Fails = FakeFailure.Status(429);
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 290; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal([0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5], pool.Clients[0].Times);
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatTakesLongToFail_IsAskedAgainAtOnce(bool streaming)
    {
        using FakePool pool = new(1);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 4; i++)
        {
            // Connecting takes longer than any pause between two probes.
            await pool.AdvanceAsync(5);
            pool.Clients[0].Held[^1].Fail(FakeFailure.Refused());
            await pool.AdvanceAsync(0.001);
        }

        Assert.Equal([0, 5, 10, 15, 20], pool.Clients[0].Times.Select(time => Math.Round(time)));
        pool.Clients[0].Held[^1].Answer();
        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APoolOfOne_ThatHangs_IsAskedOnceMore(bool streaming)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = TimeSpan.FromSeconds(2));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromSeconds(2));
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(2, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAsync<TimeoutException>(() => call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AProbe_ThatHangsAtAnotherDeploymentOfTheResource_IsFollowedToo(bool streaming)
    {
        using ServicePool pool = new(["one/small", "two/small"], (_, entry) => entry.Deployments["large"] = "big");
        ChatOptions large = new() { ModelId = "large" };
        pool.Service.On = request => request is { Host: "one", Deployment: "small" } ? FakeService.Answer(request, finish: null) : null;
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
        pool.Service.On = request => request.Host == "one" ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;
        Assert.Equal("two", await pool.AskAsync(options: large));
        Assert.Equal(2, pool.Pool.GetStatus().Count(status => status.State == EndpointState.Unavailable));
        pool.Service.On = request => request.Host == "two" ? FakeService.Refusal(429, ("Retry-After", "250"))
            : request.Deployment == "small" ? new(HttpStatusCode.OK) { Content = new StreamContent(new Endless()) } : null;
        pool.Time.Advance(TimeSpan.FromSeconds(5));

        // Only a whole answer of the one deployment proves that it is well. The other waits for the resource, which the same call holds up.
        Task<string> small = pool.AskAsync(streaming);
        await Eventually.TrueAsync(() => pool.Service.Requests.Count(request => request is { Host: "one", Deployment: "small" }) == 2);
        Task<string> asked = pool.AskAsync(streaming, large);
        await Eventually.TrueAsync(() => pool.Pool.WaitingCalls == 1);
        pool.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal(1, pool.Pool.WaitingCalls);
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Equal(0, pool.Pool.WaitingCalls);

        Assert.Equal("one", await asked);
        Assert.False(small.IsCompleted);
    }

    private sealed class Endless : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            return 0;
        }

        public override Task CopyToAsync(Stream destination, int bufferSize, CancellationToken cancellationToken) =>
            Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
