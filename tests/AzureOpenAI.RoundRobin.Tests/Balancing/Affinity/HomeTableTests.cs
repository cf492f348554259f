using AzureOpenAI.RoundRobin.Balancing.Affinity;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

public class HomeTableTests
{
    [Fact]
    public void Find_UnknownKey_IsNone() => Assert.Equal(-1, new HomeTable().Find(7));

    [Fact]
    public void Find_WhatWasPutLast_IsFoundOrForgottenButNeverAnother() => Gen.Select(Gen.UInt[1, 60], Gen.Int[0, int.MaxValue]).Array[0, 400].Sample(puts =>
    {
        HomeTable table = new();
        Dictionary<uint, int> last = [];
        foreach ((uint key, int number) in puts)
        {
            // All keys of one set: the multiples of its size.
            table.Put(key << 16, number);
            last[key] = number;
            Assert.Equal(number, table.Find(key << 16));
        }

        Assert.All(last, put => Assert.Contains(table.Find(put.Key << 16), (int[])[put.Value, -1]));
    });

    [Fact]
    public void Put_MoreThanItHolds_ForgetsWhatWasNotUsed()
    {
        HomeTable table = new();
        for (uint key = 1; key < 1000; key++)
        {
            table.Put(key << 16, (int)key);
            for (uint asked = 1; asked <= Math.Min(4, key); asked++)
            {
                Assert.Equal((int)asked, table.Find(asked << 16));
            }
        }

        Assert.All(Enumerable.Range(5, 900), key => Assert.Equal(-1, table.Find((uint)key << 16)));
    }

    [Fact]
    public void Put_MoreThanItHolds_ForgetsTheOldestFirst()
    {
        HomeTable table = new();
        for (uint key = 1; key <= 100; key++)
        {
            table.Put(key << 16, (int)key);
        }

        Assert.Equal(Enumerable.Range(93, 8), Enumerable.Range(1, 100).Where(key => table.Find((uint)key << 16) >= 0));
    }

    [Fact]
    public void Put_TenThousandKeys_RemembersNearlyAll()
    {
        HomeTable table = new();
        Random random = new(1);
        uint[] keys = [.. Enumerable.Range(0, 10_000).Select(_ => (uint)random.NextInt64(1, uint.MaxValue))];
        for (int i = 0; i < keys.Length; i++)
        {
            table.Put(keys[i], i);
        }

        Assert.InRange(keys.Count(key => table.Find(key) >= 0), 9_500, 10_000);
    }
}
