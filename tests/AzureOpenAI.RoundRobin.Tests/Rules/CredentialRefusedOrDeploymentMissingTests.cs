using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>401, 403 and 404: 10 s, then 60 s, then five minutes.</summary>
[Trait("Rule", "5.7")]
public class CredentialRefusedOrDeploymentMissingTests
{
    [Theory]
    [InlineData(401, false)]
    [InlineData(403, false)]
    [InlineData(404, false)]
    [InlineData(401, true)]
    [InlineData(403, true)]
    [InlineData(404, true)]
    public async Task FirstFailure_Ejects_ForLongerEachTime(int status, bool streaming)
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
    public async Task OthersAreHealthy_CostsEachPeriodOneCall(bool streaming)
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
    public async Task WithAHint_IsNotCalledBeforeItsTime(bool streaming)
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
}
