using AzureOpenAI.RoundRobin.Balancing.Affinity;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

public class RendezvousOrderTests
{
    private static readonly Gen<int[]> Weights = Gen.Int[1, 100].Array[1, 12];

    [Theory]
    [InlineData(1u, "dacb")]
    [InlineData(2u, "dcab")]
    [InlineData(3u, "dcba")]
    public void Order_OfKnownNames_IsTheSameInEveryProcess(uint key, string order) => Assert.Equal(order, OrderOf(key, EndpointsOf([1, 1, 1, 1])));

    [Fact]
    public void Order_OfAnyMembers_HasEachOnce() => Gen.Select(Gen.UInt, Weights).Sample((key, weights) =>
    {
        Endpoint[] members = EndpointsOf(weights);

        Assert.Equal(members.Select(member => member.Name).Order(), OrderOf(key, members).Select(name => name.ToString()).Order());
    });

    [Fact]
    public void Order_WithoutAMember_LeavesThatOfTheOthers() => Gen.Select(Gen.UInt, Weights).Sample((key, weights) =>
    {
        Endpoint[] members = EndpointsOf(weights);
        string order = OrderOf(key, members);
        foreach (Endpoint gone in members)
        {
            Assert.Equal(order.Replace(gone.Name, "", StringComparison.Ordinal), OrderOf(key, [.. members.Where(member => member != gone)]));
        }
    });

    [Fact]
    public void Order_OfMembersInAnotherOrder_IsTheSame() => Gen.Select(Gen.UInt, Weights).Sample((key, weights) =>
    {
        Endpoint[] members = EndpointsOf(weights);

        Assert.Equal(OrderOf(key, members), OrderOf(key, [.. members.Reverse()]));
    });

    [Fact]
    public void Order_WithAHome_PutsItFirstAndKeepsTheRest() => Gen.Select(Gen.UInt, Weights).Sample((key, weights) =>
    {
        Endpoint[] members = EndpointsOf(weights);
        string order = OrderOf(key, members);
        foreach (Endpoint home in members)
        {
            Assert.Equal(home.Name + order.Replace(home.Name, "", StringComparison.Ordinal), OrderOf(key, members, home));
        }
    });

    [Fact]
    public void Order_OverManyKeys_PutsEachFirstByItsWeight() => Weights.Sample(weights =>
    {
        const int Keys = 4000;
        Endpoint[] members = EndpointsOf(weights);
        int[] firsts = new int[weights.Length];
        for (uint key = 1; key <= Keys; key++)
        {
            firsts[OrderOf(key * 2654435761, members)[0] - 'a']++;
        }

        for (int i = 0; i < weights.Length; i++)
        {
            double share = (double)weights[i] / weights.Sum();
            double deviation = Math.Sqrt(Keys * share * (1 - share));
            Assert.InRange(firsts[i], (Keys * share) - (5 * deviation) - 1, (Keys * share) + (5 * deviation) + 1);
        }
    }, iter: 20);

    private static string OrderOf(uint key, Endpoint[] members, Endpoint? home = null)
    {
        string order = "";
        foreach (Endpoint endpoint in new RendezvousOrder(key, members, home))
        {
            order += endpoint.Name;
        }

        return order;
    }

    private static Endpoint[] EndpointsOf(int[] weights) => [.. weights.Select((weight, i) =>
    {
        string name = ((char)('a' + i)).ToString();
        EndpointSetup setup = new() { Name = name, ChatClient = new FakeChatClient(name), Weight = weight };
        return new Endpoint(EndpointKind.ReadyMade, new Resource(name, TimeProvider.System, () => 0), new HealthState(TimeProvider.System, () => 0), null, setup)
        {
            Capacity = new(TimeProvider.System),
            Hints = new(TimeProvider.System, null),
            Seed = RendezvousOrder.SeedOf(name, "gpt"),
        };
    })];
}
