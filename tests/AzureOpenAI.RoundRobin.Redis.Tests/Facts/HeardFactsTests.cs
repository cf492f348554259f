using AzureOpenAI.RoundRobin.Redis.Facts;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

public sealed class HeardFactsTests
{
    private readonly HeardFacts _facts = new();

    [Fact]
    public void WhatHolds_IsHandedOnEachTime_AndToThoseThatComeLater()
    {
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 5000), 1000));
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 5000), 2000));

        Assert.Equal(5000, Assert.Single(_facts.Holding(4999)).Until);
        Assert.Empty(_facts.Holding(5000));
        Assert.False(_facts.Take(Facts.Ejected("a", 1, 5000), 5000));
    }

    [Fact]
    public void Recovery_IsHandedOnOnce()
    {
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 5000), 1000));
        Assert.True(_facts.Take(Facts.Recovered("a", 1, 2000), 2000));
        Assert.False(_facts.Take(Facts.Recovered("a", 1, 2000), 3000));
        Assert.Empty(_facts.Holding(3000));
    }

    [Fact]
    public void OvertakenMessage_IsIgnored()
    {
        Assert.True(_facts.Take(Facts.Recovered("a", 2, 2000), 2000));
        Assert.False(_facts.Take(Facts.Ejected("a", 2, 9000), 2001));
        Assert.False(_facts.Take(Facts.Ejected("a", 1, 9000), 2001));

        // After it could have held any more, a lower number comes from a server that was emptied.
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 310_000), 302_000));
    }

    [Fact]
    public void OverFiveMinutes_IsIgnored()
    {
        Assert.False(_facts.Take(Facts.Ejected("a", 1, 302_000), 1));
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 300_000), 1));
    }

    [Fact]
    public void InventedIds_FillNoMemory()
    {
        for (int i = 0; i < 2000; i++)
        {
            _facts.Take(Facts.Ejected($"i{i}", 1, 5000), 1000);
        }

        Assert.Equal(512, _facts.Holding(1000).Length);
        Assert.True(_facts.Take(Facts.Ejected("a", 1, 9000), 5000));
    }
}
