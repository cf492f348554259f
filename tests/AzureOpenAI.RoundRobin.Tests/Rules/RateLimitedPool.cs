using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Pools whose endpoints are rate limited from the beginning on.</summary>
internal static class RateLimitedPool
{
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    /// <summary>All endpoints have just stated a pause, are well after it, and one call waits for them.</summary>
    public static FakePool RateLimited(int count, bool streaming, Action<RoundRobinOptions>? configure = null)
    {
        FakePool pool = new(count, configure);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Plays(FakeFailure.RateLimited(Pause));
        }

        _ = pool.AskAsync(streaming);
        Assert.Equal(1, pool.Waiting);
        return pool;
    }
}
