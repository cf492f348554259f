using AzureOpenAI.RoundRobin.Redis.Permits;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Permits;

public sealed class PermitMessageTests
{
    [Fact]
    public void TimesAreThoseAfterTheReplyHasCome()
    {
        PermitReply reply = PermitMessage.Read(["1000", "5000", "7", "0", "0", "3000", "20000", "12"], 1, static _ => TimeSpan.FromMilliseconds(2), out bool hasLost);

        StartPermit permit = Assert.Single(reply.Permits);
        Assert.Equal((0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20), 12), (permit.Limit, permit.In, permit.For, permit.Tokens));
        Assert.Equal((TimeSpan.FromMilliseconds(3), 7, false), (reply.NextIn[0], reply.Granted[0], hasLost));
    }

    [Fact]
    public void LostGrants_AreSaid()
    {
        PermitMessage.Read(["1000", "0", "0", "0", "0", "0", "1"], 2, static _ => TimeSpan.Zero, out bool hasLost);

        Assert.True(hasLost);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1000")]
    [InlineData("1000 5 6")]
    [InlineData("1000 5 6 0 1")]
    [InlineData("1000 5 6 0 0 1 2 x")]
    [InlineData("nan 5 6 0")]
    public void WhatTheScriptDoesNotSay_IsNoReply(string words) =>
        Assert.Throws<InvalidDataException>(() => PermitMessage.Read(words.Split(' '), 1, static _ => TimeSpan.Zero, out _));
}
