using AzureOpenAI.RoundRobin.Redis.Permits;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Permits;

public sealed class PermitMessageTests
{
    private static readonly string[] NoPace = [.. Enumerable.Repeat("0", 20)];

    [Fact]
    public void TimesAreThoseAfterTheReplyHasCome()
    {
        PermitReply reply = PermitMessage.Read(["1000", "5000", "7", "0", .. NoPace, "0", "3000", "20000", "12", "0"], 1, static _ => TimeSpan.FromMilliseconds(2), out bool hasLost);

        StartPermit permit = Assert.Single(reply.Permits);
        Assert.Equal((0, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20), 12), (permit.Limit, permit.In, permit.For, permit.Tokens));
        Assert.Equal((TimeSpan.FromMilliseconds(3), 7, false), (reply.NextIn[0], reply.Granted[0], hasLost));
    }

    [Fact]
    public void LostGrants_AreSaid()
    {
        PermitMessage.Read(["1000", "0", "0", "0", .. NoPace, "0", "0", "1", .. NoPace], 2, static _ => TimeSpan.Zero, out bool hasLost);

        Assert.True(hasLost);
    }

    [Fact]
    public void Pace_IsReadInItsUnits()
    {
        string[] pace = ["1", "8", "55000000", "60000000", "100000", "250000", "1500000", "1", "2", "40000", "7000", "123500000", "2", "66000000", "33000000", "250000", "4", "9000000", "40", "3"];
        PermitReply reply = PermitMessage.Read(["1000", "0", "9", "0", .. pace, "0", "4000", "50000", "0", "124500000"], 1, static _ => TimeSpan.FromMilliseconds(2), out _);

        Assert.Equal(
            new()
            {
                Version = 8,
                PerSecond = 55,
                Plateau = 60,
                Cut = 0.1,
                Along = 0.25,
                Back = TimeSpan.FromSeconds(1.5),
                IsConfirmed = true,
                FirstsRejected = 2,
                LastUnstated = TimeSpan.FromMilliseconds(40),
                In = TimeSpan.FromMilliseconds(5),
                Position = 123.5,
                TestPhase = 2,
                TestTop = 66,
                TestLow = 33,
                TestShare = 0.25,
                TestFailed = 4,
                TestAgain = TimeSpan.FromSeconds(9),
                TestCalls = 40,
                TestRejected = 3,
            },
            Assert.Single(reply.Paces));
        Assert.Equal(124.5, Assert.Single(reply.Permits).Place);
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
