using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>RequestsPerMinute and TokensPerMinute of an endpoint: kept from the first call on.</summary>
[Trait("Rule", "4")]
public class ConfiguredLimitsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestsPerMinute_AreKeptFromTheFirstCallOn(bool streaming)
    {
        using FakePool pool = new(1, endpoint: (_, entry) => entry.RequestsPerMinute = 120);
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];

        Assert.Equal((2, 7), (pool.Clients[0].Calls, pool.Waiting));
        await pool.AdvanceAsync(0.999);
        Assert.Equal([2], pool.Calls);
        for (int i = 0; i < 4; i++)
        {
            await pool.AdvanceAsync(i == 0 ? 0.001 : 1);
        }

        await Task.WhenAll(calls);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3, 3, 4], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AtItsLimit_IsSkippedWhileAnotherHasRoom(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 : null);

        Assert.Equal("abbbbb", await pool.AskManyAsync(6, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Contains("a", await pool.AskManyAsync(2, streaming), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AtItsLimit_OthersShareItsTurnsEvenly(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (i, entry) => entry.RequestsPerMinute = i == 0 ? 60 : null);

        await pool.AskManyAsync(21, streaming);

        Assert.Equal([1, 10, 10], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithinTheLimits_SpreadIsExactlyEven(bool streaming)
    {
        using FakePool pool = new(3, endpoint: (_, entry) => (entry.RequestsPerMinute, entry.TokensPerMinute) = (6000, 1_000_000));

        Assert.Equal("abcabcabcabc", await pool.AskManyAsync(12, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TokensPerMinute_AreKept(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(5), (_, entry) => entry.TokensPerMinute = 1000);
        // Each is charged with 400: one for itself, and what it asks for.
        Task<string>[] calls = [.. Enumerable.Range(0, 5).Select(_ => pool.AskAsync(streaming, new() { MaxOutputTokens = 399 }))];

        Assert.Equal((2, 3), (pool.Clients[0].Calls, pool.Waiting));
        await pool.AdvanceAsync(59.9);
        Assert.Equal([2], pool.Calls);
        await pool.AdvanceAsync(0.1);
        Assert.Equal([4], pool.Calls);
        await pool.AdvanceAsync(60);

        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TokensPerMinute_ChargeForTheLengthOfThePrompt(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(5), (_, entry) => entry.TokensPerMinute = 120);
        // 41 each for the prompt, and 16 for an output of no named length.
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming, prompt: new string('x', 160)))];

        Assert.Equal((2, 1), (pool.Clients[0].Calls, pool.Waiting));
        await pool.AdvanceAsync(60);

        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TokensPerMinute_ChargeForTheConfiguredOutput(bool streaming)
    {
        using ServicePool pool = new(["east"], (_, entry) => (entry.TokensPerMinute, entry.MaxOutputTokens) = (1000, 499), options => options.MaxWait = TimeSpan.FromMinutes(5));
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);
        Task<string> third = pool.AskAsync(streaming);
        await Eventually.TrueAsync(() => pool.Pool.DefaultPicker.Queue.Length == 1);

        pool.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal("east", await third);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AboveTheWholeTokenLimit_IsSentWhereNothingElseCounts(bool streaming)
    {
        using FakePool pool = new(1, endpoint: (_, entry) => entry.TokensPerMinute = 100);

        Assert.Equal("a", await pool.AskAsync(streaming, new() { MaxOutputTokens = 100_000 }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TokenLimitBeyondMaxWait_IsSentAtOnce(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.Zero, (_, entry) => entry.TokensPerMinute = 100);

        Assert.Equal("ababab", string.Concat(await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => pool.AskAsync(streaming, new() { MaxOutputTokens = 90 })))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WaitsForTokensUntilMaxWait_IsSentThen(bool streaming)
    {
        // It has room for one in a minute, and the second would be in time; but it is charged for while others come back before it.
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(60), (_, entry) => entry.TokensPerMinute = 100);
        await pool.AskAsync(streaming, new() { MaxOutputTokens = 90 });
        Task<string> second = pool.AskAsync(streaming, new() { MaxOutputTokens = 90 });
        Task<string> third = pool.AskAsync(streaming, new() { MaxOutputTokens = 90 });
        Assert.Equal(2, pool.Waiting);

        await pool.AdvanceAsync(59.9);
        Assert.Equal([1], pool.Calls);
        await pool.AdvanceAsync(0.1);

        await second;
        await third;
        Assert.Equal([0, 60, 60], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WaitsForTokens_IsNotOvertakenByOneThatNeedsFewer(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromMinutes(5), (_, entry) => entry.TokensPerMinute = 1000);
        await pool.AskAsync(streaming, new() { MaxOutputTokens = 599 });
        Task<string> large = pool.AskAsync(streaming, new() { MaxOutputTokens = 599 });
        Task<string> small = pool.AskAsync(streaming, new() { MaxOutputTokens = 99 });

        Assert.Equal((1, 2), (pool.Clients[0].Calls, pool.Waiting));
        await pool.AdvanceAsync(60);

        await Task.WhenAll(large, small);
        Assert.Equal([0, 60, 60], pool.Clients[0].Times);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FailedWithoutTokensForASecondAttempt_KeepsItsPause(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(30), (_, entry) => entry.TokensPerMinute = 100);
        pool.Clients[0].Plays(FakeFailure.Status(500));

        Task<string> call = pool.AskAsync(streaming, new() { MaxOutputTokens = 90 });

        await pool.AdvanceAsync(0.4, paused: 1);
        Assert.Equal([1], pool.Calls);
        await pool.AdvanceAsync(0.1);
        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomForItsTokens_GoesToAHealthyEndpointRatherThanToOneThatErrs(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromSeconds(30), (_, entry) => entry.TokensPerMinute = 1000);
        pool.Clients[0].Plays(FakeFailure.Status(500), FakeFailure.Status(500));
        while (pool.StateOf(0) != EndpointState.Unavailable)
        {
            await pool.AskAsync(streaming, new() { MaxOutputTokens = 299 });
        }

        await pool.AskAsync(streaming, new() { MaxOutputTokens = 299 });
        int before = pool.Calls[0];

        Assert.Equal("b", await pool.AskAsync(streaming, new() { MaxOutputTokens = 299 }));
        Assert.Equal(before, pool.Calls[0]);
    }

    [Fact]
    public async Task OperationOfInvokeAsync_IsNotHeldBackByATokenLimit()
    {
        using ServicePool pool = new(["east"], (_, entry) => entry.TokensPerMinute = 100, options => options.MaxWait = TimeSpan.Zero);
        await pool.AskAsync(options: new() { MaxOutputTokens = 100_000 });

        Assert.Equal("east", await pool.Pool.InvokeAsync((client, _) => Task.FromResult(client.EndpointName), cancellationToken: TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestLimitBeyondMaxWait_IsRefusedWithTheTime(bool streaming)
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.FromSeconds(5), (_, entry) => entry.RequestsPerMinute = 6);
        await pool.AskAsync(streaming);

        EndpointsExhaustedException refused = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.InRange(refused.RetryAfter!.Value.TotalSeconds, 10, 10.02);
        Assert.Empty(refused.Attempts);
        Assert.Equal([1], pool.Calls);
        pool.Time.Advance(refused.RetryAfter.Value);
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LimitOfOneDeployment_DoesNotCountForTheOthers(bool streaming)
    {
        using FakePool pool = new(1, endpoint: (_, entry) =>
        {
            (entry.DeploymentName, entry.RequestsPerMinute) = ("small", 60);
            entry.Deployments["large"] = "large";
        });
        ChatOptions large = new() { ModelId = "large" };

        Assert.Equal("aaaa", string.Concat(await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming, large)))));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestsPerMinute_AreKeptByProbes(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxWait = TimeSpan.FromMinutes(2), (i, entry) => entry.RequestsPerMinute = i == 0 ? 2 : null);
        pool.Clients[0].Fails = new TimeoutException();
        await pool.AskInTurnOfAsync(0, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        await pool.AskInTurnOfAsync(0, streaming);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(110));
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        for (int second = 30; second < 125; second++)
        {
            await pool.AdvanceAsync(1);
        }

        Assert.Equal([0, 30, 60, 90, 120], pool.Clients[0].Times);
        Array.ForEach(pool.Clients, static client => client.Fails = null);
        Array.ForEach(pool.Clients[0].Held, static held => held.Answer());
        for (int second = 0; second < 24; second++)
        {
            await pool.AdvanceAsync(1);
        }

        Assert.All(calls, static call => Assert.True(call.IsCompletedSuccessfully));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestsPerMinute_AreKeptByRetriesAfterErrors(bool streaming)
    {
        using FakePool pool = new(2, endpoint: (_, entry) => entry.RequestsPerMinute = 6);
        Array.ForEach(pool.Clients, static client => client.Fails = FakeFailure.Status(500));
        Task<string>[] calls = [.. Enumerable.Range(0, 9).Select(_ => pool.AskAsync(streaming))];
        await pool.SettleAsync();
        for (int second = 0; second < 29; second++)
        {
            await pool.AdvanceAsync(1);
        }

        Assert.All(pool.Clients, static client => Assert.Equal([0, 10, 20], client.Times));
        pool.Time.Advance(TimeSpan.FromSeconds(10));
        foreach (Task<string> call in calls)
        {
            await Assert.ThrowsAnyAsync<ClientResultException>(() => call);
        }
    }

    [Theory]
    [InlineData(false, 401)]
    [InlineData(true, 401)]
    [InlineData(false, 404)]
    [InlineData(true, 404)]
    public async Task RequestsPerMinute_AreKeptByRetriesOfMisconfiguredOnes(bool streaming, int status)
    {
        using FakePool pool = new(1, endpoint: (_, entry) => entry.RequestsPerMinute = 6);
        pool.Clients[0].Fails = FakeFailure.Status(status);
        for (int second = 0; second < 29; second++)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming));
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([0, 10, 20], pool.Clients[0].Times);
    }
}
