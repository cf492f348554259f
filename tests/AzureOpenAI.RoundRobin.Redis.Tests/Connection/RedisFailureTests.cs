using AzureOpenAI.RoundRobin.Redis.Connection;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Connection;

public sealed class RedisFailureTests
{
    [Theory]
    [InlineData("NOPERM this user has no permissions to run the 'evalsha' command", "the user lacks a right (NOPERM this user has no permissions to run the 'evalsha' command)")]
    [InlineData("WRONGPASS invalid username-password pair", "it refuses the user or password")]
    [InlineData("NOAUTH Authentication required.", "it refuses the user or password")]
    [InlineData("ERR unknown command 'EVALSHA'", "the server runs no scripts, for which Garnet needs --lua true (ERR unknown command 'EVALSHA')")]
    [InlineData("READONLY You can't write\r\nagainst a read only replica.", "the server refuses the request (READONLY You can't writeagainst a read only replica.)")]
    public void WordsOfTheServer_AreQuoted(string words, string reason)
    {
#pragma warning disable CS0618 // The kind is read off the words by the library alone.
        Assert.Equal(reason, RedisFailure.Describe(new RedisServerException(words)));
#pragma warning restore CS0618
    }

    [Fact]
    public void OfOtherExceptions_OnlyTheTypeIsSaid() =>
        Assert.Equal("the connection cannot be used (ArgumentException)", RedisFailure.Describe(new ArgumentException("Keyword 'secret' is not supported")));

    [Fact]
    public void LongWords_AreCut()
    {
#pragma warning disable CS0618 // As above.
        Assert.InRange(RedisFailure.Describe(new RedisServerException(new string('x', 5000))).Length, 200, 300);
#pragma warning restore CS0618
    }
}
