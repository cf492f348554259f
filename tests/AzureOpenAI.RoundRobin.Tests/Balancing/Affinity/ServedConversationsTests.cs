using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

public sealed class ServedConversationsTests
{
    [Fact]
    public void Keep_ForgetsThoseThatLeft_AndNoConversationGoesToWhoeverComesAfterThem()
    {
        BalancerParts parts = new(["abc"]);
        ServedConversations served = new();
        served.Remember(1, parts['a']);
        served.Remember(2, parts['b']);

        served.Keep([parts['b'], parts['c']]);
        served.Remember(3, parts['c']);

        Assert.Equal([null, parts['b'], parts['c']], new uint[] { 1, 2, 3 }.Select(served.Find));
    }

    [Fact]
    public void Keep_HoldsNoEndpointThatLeft()
    {
        ServedConversations served = new();
        WeakReference left = Remember(served);

        served.Keep([]);
        GC.Collect();

        Assert.False(left.IsAlive);
        GC.KeepAlive(served);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference Remember(ServedConversations served)
    {
        Endpoint endpoint = BalancerParts.EndpointOf(TimeProvider.System, new EndpointSetup { Name = "a", ChatClient = new FakeChatClient() });
        served.Remember(1, endpoint);
        return new WeakReference(endpoint);
    }
}
