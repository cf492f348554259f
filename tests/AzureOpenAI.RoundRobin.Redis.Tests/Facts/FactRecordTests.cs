using AzureOpenAI.RoundRobin.Redis.Facts;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

public sealed class FactRecordTests
{
    private const string Id = "abcdefghijklmnop", Source = "0123456789abcdef0123456789abcdef";

    [Fact]
    public void Message_IsRead_AndWhatComesAfterItIsIgnored()
    {
        FactRecord? record = FactRecord.ReadMessage($"{Id} ejected 7 1700000020000 RateLimited 1 {Source} 1700000000000 and more", out long sentAt);

        Assert.Equal(1_700_000_000_000, sentAt);
        Assert.Equal(
            new PoolFact { Id = record!.Value.Id, Kind = PoolFactKind.Ejected, Generation = 7, Reason = EndpointFailureReason.RateLimited, IsStated = true, Source = Guid.Parse(Source), For = TimeSpan.FromSeconds(20) },
            record.Value.ToFact(TimeSpan.FromMilliseconds(record.Value.Until - sentAt)));
        Assert.Equal(Id, $"{record.Value.Id}");
    }

    [Fact]
    public void Recovery_NeedsNoReason() => Assert.Equal(PoolFactKind.Recovered, FactRecord.ReadMessage($"{Id} recovered 7 1 - 0 {Source} 1", out _)?.Kind);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("the end")]
    [InlineData("abc ejected 7 1 RateLimited 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop drained 7 1 RateLimited 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected -7 1 RateLimited 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 1e9 RateLimited 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 99999999999999999999 RateLimited 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 1 Overheated 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 1 1 1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 1  1 0123456789abcdef0123456789abcdef 1")]
    [InlineData("abcdefghijklmnop ejected 7 1 RateLimited 1 me 1")]
    [InlineData("abcdefghijklmnop ejected 7 1 RateLimited 1 0123456789abcdef0123456789abcdef")]
    [InlineData("abcdefghijklmnop ejected 7 1 RateLimited 1 0123456789abcdef0123456789abcdef now")]
    public void AnythingElse_IsIgnored(string? message) => Assert.Null(FactRecord.ReadMessage(message, out _));

    [Fact]
    public void LongMessage_IsIgnored() =>
        Assert.Null(FactRecord.ReadMessage($"{Id} ejected 7 1 RateLimited 1 {Source} 1 {new string('x', 512)}", out _));
}
