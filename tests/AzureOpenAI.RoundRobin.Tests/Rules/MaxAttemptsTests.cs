using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The bound on the attempts of one call.</summary>
[Trait("Rule", "5.4")]
public class MaxAttemptsTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    public async Task MaxAttempts_IsKept(int most, bool streaming)
    {
        using FakePool pool = new(5, options => options.MaxAttempts = most);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Fails = FakeFailure.Status(429);
        }

        ClientResultException failure = await Assert.ThrowsAnyAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(most, pool.Calls.Sum());
        Assert.Equal(most, failure is EndpointsExhaustedException exhausted ? exhausted.Attempts.Count : 1);
        Assert.Equal(429, failure.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxAttempts_WithAHint_RetryAfterCountsFromNow(bool streaming)
    {
        using FakePool pool = new(3, options => options.MaxAttempts = 2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(5));
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync(streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(2));
        pool.Clients[1].Held[0].Fail(FakeFailure.Status(500));

        Assert.Equal(TimeSpan.FromSeconds(3), (await Assert.ThrowsAsync<EndpointsExhaustedException>(() => call)).RetryAfter);
    }
}
