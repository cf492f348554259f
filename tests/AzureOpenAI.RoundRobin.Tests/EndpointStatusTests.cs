using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>What GetStatus says of one endpoint.</summary>
public class EndpointStatusTests
{
    [Fact]
    public async Task Unavailable_SaysWhyHowOftenAndForHowLong()
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
}
