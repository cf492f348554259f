using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

public class RotationTests
{
    [Fact]
    public void Of_NoEndpoints_IsEmpty() => Assert.Equal(0, Rotation.Of([]).Count);

    [Theory]
    [InlineData(new[] { 5, 1, 1 }, "aabacaa")]
    [InlineData(new[] { 1, 1, 1 }, "abc")]
    [InlineData(new[] { 3, 1 }, "aaba")]
    [InlineData(new[] { 2, 1 }, "aba")]
    [InlineData(new[] { 100 }, "a")]
    public void Of_Weights_GivesTheSmoothOrder(int[] weights, string order) => Assert.Equal(order, OrderOf(weights));

    [Theory]
    [InlineData(new[] { 100, 100 }, "ab")]
    [InlineData(new[] { 50, 10, 10 }, "aabacaa")]
    [InlineData(new[] { 7, 7, 7 }, "abc")]
    public void Of_WeightsWithACommonDivisor_AreDividedByIt(int[] weights, string order) => Assert.Equal(order, OrderOf(weights));

    [Fact]
    public void Of_AnyWeights_GivesTheTurnsThatTheMostCreditGives() => Gen.Int[1, 9].Array[1, 30].Sample(weights =>
    {
        int[] reduced = [.. weights.Select(weight => weight / weights.Aggregate(Gcd))];
        int[] credit = new int[weights.Length];
        List<int> turns = [];
        for (int turn = 0; turn < reduced.Sum(); turn++)
        {
            credit = [.. credit.Zip(reduced, static (has, gains) => has + gains)];
            int richest = Array.IndexOf(credit, credit.Max());
            credit[richest] -= reduced.Sum();
            turns.Add(richest);
        }

        Endpoint[] endpoints = EndpointsOf(weights);
        Assert.Equal(turns.Select(turn => endpoints[turn]).Take(reduced.All(static weight => weight == 1) ? weights.Length : turns.Count), Rotation.Of(endpoints).Slots.ToArray());
    }, iter: 200);

    [Fact]
    public void Of_AnyWeights_GivesExactSharesInEachLap() => Weights(1, 12).Sample(weights =>
    {
        int divisor = weights.Aggregate(Gcd);
        string order = OrderOf(weights);

        Assert.Equal(weights.Sum() / divisor, order.Length);
        for (int i = 0; i < weights.Length; i++)
        {
            Assert.Equal(weights[i] / divisor, order.Count(name => name == 'a' + i));
        }
    }, iter: 100);

    [Fact]
    public void Of_AnyWeights_NeverGivesAnEndpointATurnAheadOfItsShare() => Weights(1, 12).Sample(weights =>
    {
        string order = OrderOf(weights);
        int[] counts = new int[weights.Length];
        for (int turn = 1; turn <= order.Length; turn++)
        {
            counts[order[turn - 1] - 'a']++;
            for (int i = 0; i < weights.Length; i++)
            {
                double ideal = (double)turn * weights[i] / weights.Sum();
                Assert.True(counts[i] - ideal < 1, $"{order}: {(char)('a' + i)} is ahead by {counts[i] - ideal} after {turn} turns");
            }
        }
    }, iter: 100);

    [Fact]
    public void Of_TwoEndpoints_NeverLeavesOneATurnBehindItsShare() => Weights(2, 2).Sample(weights =>
    {
        string order = OrderOf(weights);
        int first = 0;
        for (int turn = 1; turn <= order.Length; turn++)
        {
            first += order[turn - 1] == 'a' ? 1 : 0;
            Assert.True(Math.Abs(first - ((double)turn * weights[0] / weights.Sum())) < 1);
        }
    }, iter: 100);

    [Fact]
    public void Of_MoreTurnsThanSlots_ScalesDownAndKeepsEachEndpoint()
    {
        int[] weights = [.. Enumerable.Range(0, 100).Select(i => i == 0 ? 1 : 99 + (i % 2))];

        Rotation rotation = Rotation.Of(EndpointsOf(weights));

        Assert.InRange(rotation.Count, 1, Rotation.MaxSlots);
        Assert.Equal(100, rotation.Slots.ToArray().Distinct().Count());
    }

    [Fact]
    public void Of_MoreTurnsThanSlots_KeepsTheShares()
    {
        Rotation rotation = Rotation.Of(EndpointsOf([.. Enumerable.Range(0, 70).Select(i => i % 2 == 0 ? 100 : 51)]));

        int[] turns = [.. rotation.Slots.ToArray().CountBy(endpoint => endpoint.Weight).OrderBy(pair => pair.Key).Select(pair => pair.Value / 35)];
        Assert.Equal([38, 76], turns);
    }

    [Fact]
    public void Of_AsManyTurnsAsSlots_IsNotScaled()
    {
        Rotation rotation = Rotation.Of(EndpointsOf([.. Enumerable.Repeat(99, 41), 37]));

        Assert.Equal(Rotation.MaxSlots, rotation.Count);
        Assert.Equal(37, rotation.Slots.ToArray().Count(endpoint => endpoint.Weight == 37));
    }

    [Fact]
    public void Of_TheLargestPoolWithTheLargestWeights_KeepsTheLimitOfSlots() => Gen.Int[1, 100].Array[200, 1000].Sample(weights =>
    {
        Rotation rotation = Rotation.Of(EndpointsOf(weights));

        Assert.InRange(rotation.Count, 1, Rotation.MaxSlots);
        Assert.Equal(weights.Length, rotation.Slots.ToArray().Distinct().Count());
    }, iter: 3);

    [Fact]
    public void Indexer_CursorThatWraps_StaysInside()
    {
        Rotation rotation = Rotation.Of(EndpointsOf([1, 1, 1]));
        uint ticket = uint.MaxValue - 3;
        for (int i = 0; i < 8; i++, ticket = unchecked(ticket + 1))
        {
            Assert.Equal("abc"[(int)(ticket % 3)].ToString(), rotation[ticket].Name);
        }
    }

    [Fact]
    public void Indexer_AnyCursor_IsItsRemainder()
    {
        foreach (int count in Enumerable.Range(1, 70).Concat([127, 128, 641, 1000, 1023, 4095, Rotation.MaxSlots]))
        {
            Rotation rotation = Rotation.Of(EndpointsOf([.. Enumerable.Repeat(1, count)]));
            uint laps = uint.MaxValue / (uint)count;
            uint[] edges = [0, 1, (uint)count, int.MaxValue, 1u + int.MaxValue, (laps * (uint)count) - 1, laps * (uint)count, uint.MaxValue - 1, uint.MaxValue];
            Array.ForEach(edges, Check);
            Gen.UInt.Sample(Check, iter: 200);

            void Check(uint ticket) => Assert.Same(rotation.Slots[(int)(ticket % (uint)count)], rotation[ticket]);
        }
    }

    [Fact]
    public void ContinuedAfter_TheLastTurn_NextIsTheOneAfterIt() => Gen.Select(Gen.Int[2, 6], Gen.UInt, Gen.Int[1, 63]).Sample((count, ticket, kept) =>
    {
        Endpoint[] all = EndpointsOf([.. Enumerable.Repeat(1, count)]);
        Endpoint[] stay = [.. all.Where((_, i) => (kept >> i) % 2 == 1)];
        Endpoint last = Rotation.Of(all)[ticket];

        Rotation next = Rotation.Of(stay).ContinuedAfter(last, ticket, all);

        int place = Array.IndexOf(all, last);
        Endpoint? expected = Enumerable.Range(1, count).Select(i => all[(place + i) % count]).FirstOrDefault(stay.Contains);
        Assert.Equal(stay.Length, next.Count);
        Assert.True(expected is null ? next.Count == 0 : next[unchecked(ticket + 1)] == expected);
    });

    [Fact]
    public void ContinuedAfter_AnyLeaveAndReturn_ThoseThatStayDifferByAtMostOne() =>
        Gen.Select(Gen.Int[2, 6], Gen.UInt, Gen.Select(Gen.Int[0, 63], Gen.Int[0, 9]).Array[1, 40]).Sample((count, start, changes) =>
        {
            Endpoint[] all = EndpointsOf([.. Enumerable.Repeat(1, count)]);
            // The first two are always in; each change keeps any of the others.
            int[] counts = new int[count];
            Rotation rotation = Rotation.Of(all);
            uint ticket = start / 2;
            foreach ((int kept, int calls) in changes)
            {
                for (int i = 0; i < calls; i++)
                {
                    ticket++;
                    counts[Array.IndexOf(all, rotation[ticket])]++;
                    Assert.InRange(counts[0] - counts[1], -1, 1);
                }

                rotation = Rotation.Of([.. all.Where((_, i) => i < 2 || (kept >> i) % 2 == 1)]).ContinuedAfter(rotation[ticket], ticket, all);
            }
        }, iter: 1000);

    [Theory]
    [InlineData(1, 1, "[31]b")]
    [InlineData(2, 1, "[32]c")]
    [InlineData(3, 1, "[33]d")]
    [InlineData(40, 1, "[40]s")]
    [InlineData(100, 1, "[33]s[33]s[33]s[1]")]
    [InlineData(2, 2, "[16]c[16]d")]
    [InlineData(3, 2, "[16]d[16]e[1]")]
    public void Of_LaggingEndpoints_GivesEachOneTurnIn32(int well, int slow, string expected)
    {
        Endpoint[] all = EndpointsOf([.. Enumerable.Repeat(1, well + slow)]);

        Rotation rotation = Rotation.Of(all[..well], all[well..]);

        // In brackets the turns of those that are well, which go on in order.
        string order = "";
        int turns = 0;
        foreach (Endpoint endpoint in rotation.Slots)
        {
            int place = Array.IndexOf(all, endpoint);
            if (place < well)
            {
                Assert.Equal(turns++ % well, place);
            }

            order += place < well ? "." : endpoint.Name.StartsWith('e') && well > 26 ? "s" : endpoint.Name;
        }

        Assert.Equal(string.Concat(expected.Split('[', ']').Select(part => int.TryParse(part, out int count) ? new string('.', count) : part)), order);
        Assert.Equal(all[..well], rotation.Members.ToArray());
        Assert.Equal(all[well..], rotation.Lagging.ToArray());
    }

    [Fact]
    public void Of_LaggingEndpointsAndWeights_KeepsTheWeightsOfTheOthers()
    {
        Endpoint[] all = EndpointsOf([5, 1, 1, 1]);

        string order = string.Concat(Rotation.Of(all[..3], all[3..]).Slots.ToArray().Select(endpoint => endpoint.Name));

        Assert.Equal("aabacaaaabacaaaabacaaaabacaaaabacaad", order);
    }

    [Theory]
    [InlineData(45, 40)]
    [InlineData(62, 60)]
    [InlineData(64, 64)]
    public void Of_AlmostAllLagging_StillGivesEachItsTurn(int well, int slow)
    {
        Endpoint[] all = EndpointsOf([.. Enumerable.Repeat(1, well + slow)]);

        Rotation rotation = Rotation.Of(all[..well], all[well..]);

        Assert.Equal(all.Length, rotation.Slots.ToArray().Distinct().Count());
        // One turn for each 31 of the others, and at most one after each of these.
        Assert.Equal(well + Math.Min(well, slow * (well / (Rotation.LaggingEvery - 1))), rotation.Count);
    }

    private static Gen<int[]> Weights(int least, int most) => Gen.Int[1, 100].Array[least, most];

    private static int Gcd(int left, int right) => right == 0 ? left : Gcd(right, left % right);

    private static string OrderOf(int[] weights) => string.Concat(Rotation.Of(EndpointsOf(weights)).Slots.ToArray().Select(endpoint => endpoint.Name));

    private static Endpoint[] EndpointsOf(int[] weights) => [.. weights.Select((weight, i) =>
    {
        string name = i < 26 ? ((char)('a' + i)).ToString() : $"e{i}";
        EndpointSetup setup = new() { Name = name, ChatClient = new FakeChatClient(name), Weight = weight };
        return new Endpoint(EndpointKind.ReadyMade, new Resource(name, TimeProvider.System, () => 0), new HealthState(TimeProvider.System, () => 0), null, setup)
        {
            Capacity = new(TimeProvider.System),
            Hints = new(TimeProvider.System, null),
        };
    })];
}
