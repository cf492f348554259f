#if DEBUG
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>What needs the balancer's lock says so in a debug build.</summary>
public class PoolStateTests
{
    [Fact]
    public void Write_WithoutTheLock_IsFoundOut()
    {
        BalancerParts parts = new(["a"]);
        PoolState free = new(parts.Members);

        Assert.ThrowsAny<Exception>(() => free.NextEpoch());
        Assert.ThrowsAny<Exception>(() => free.Members = parts.Members);
        Assert.Equal(0, free.Epoch);
    }

    [Fact]
    public void Write_WithTheLock_IsTaken()
    {
        BalancerParts parts = new(["a"]);

        Assert.Equal(1, parts.State.NextEpoch());
    }
}
#endif
