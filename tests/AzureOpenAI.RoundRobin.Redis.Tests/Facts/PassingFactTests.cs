using AzureOpenAI.RoundRobin.Redis.Facts;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

public sealed class PassingFactTests
{
    private const long Now = 1_700_000_000_000;
    private const string Id = "abcdefghijklmnop", Source = "0123456789abcdef0123456789abcdef";

    [Theory]
    [InlineData(PoolFactKind.Silent)]
    [InlineData(PoolFactKind.Answering)]
    [InlineData(PoolFactKind.Probing)]
    public void WhatIsWritten_IsRead(PoolFactKind kind)
    {
        Assert.True(EndpointId.TryParse(Id, out EndpointId id));
        PoolFact fact = new() { Id = id, Kind = kind, For = TimeSpan.FromMilliseconds(1234), Evidence = 8.125, Answered = 7, Generation = 3, Source = Guid.Parse(Source) };

        Assert.True(PassingFact.Is(fact));
        Assert.Equal(fact, PassingFact.Read(PassingFact.Write(fact, Now), Now + 1000));
        Assert.Equal(fact, PassingFact.Read($"{PassingFact.Write(fact, Now)} and more", Now));
        Assert.Null(FactRecord.ReadMessage(PassingFact.Write(fact, Now), out _));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("the end")]
    [InlineData("abcdefghijklmnop ejected 1 300 8.1 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abc silent 1 300 8.1 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent -1 300 8.1 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 1e9 8.1 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 300 NaN 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 300 -8 7 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 300 8.1 99999999999 0123456789abcdef0123456789abcdef 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 300 8.1 7 me 1700000000000")]
    [InlineData("abcdefghijklmnop silent 1 300 8.1 7 0123456789abcdef0123456789abcdef")]
    [InlineData("abcdefghijklmnop silent 1 300 8.1 7 0123456789abcdef0123456789abcdef now")]
    public void AnythingElse_IsIgnored(string? message) => Assert.Null(PassingFact.Read(message, Now));

    [Theory]
    [InlineData(1001)]
    [InlineData(-1001)]
    public void Late_IsIgnored(long milliseconds) =>
        Assert.Null(PassingFact.Read($"{Id} silent 1 300 8.1 7 {Source} {Now}", Now + milliseconds));
}
