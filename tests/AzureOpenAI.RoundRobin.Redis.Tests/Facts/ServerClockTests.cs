using AzureOpenAI.RoundRobin.Redis.Facts;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

public sealed class ServerClockTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void BeforeTheFirstReply_IsNotKnown() => Assert.Null(new ServerClock(_time).Now);

    [Fact]
    public void ShortestTrip_Counts()
    {
        ServerClock clock = new(_time);
        Trip(clock, 100, 50, 1_000_000);
        Assert.Equal(1_000_050, clock.Now);

        // A late reply to a request that was there soon: the time of the first trip stays, and goes on.
        Trip(clock, 400, 0, 1_000_100);
        Assert.Equal(1_000_450, clock.Now);
        Trip(clock, 2, 1, 1_000_500);
        Assert.Equal(1_000_501, clock.Now);
    }

    [Fact]
    public void OfSixteenTripsOnly()
    {
        ServerClock clock = new(_time);
        Trip(clock, 2, 1, 1_000_000);
        for (int i = 0; i < 16; i++)
        {
            // This server's clock is 10 ms behind what the first trip said.
            Trip(clock, 4, 2, clock.Now!.Value + 2 - (i == 0 ? 10 : 0));
        }

        Assert.InRange(clock.Now!.Value, 1_000_001 + 64 - 12, 1_000_001 + 64 - 8);
    }

    [Theory]
    [InlineData(-3_600_000)]
    [InlineData(5_000)]
    public void AnotherServer_IsBelievedAtOnce(long off)
    {
        ServerClock clock = new(_time);
        Trip(clock, 2, 1, 10_000_000);
        Trip(clock, 50, 25, 10_000_000 + off);

        Assert.Equal(10_000_025 + off, clock.Now);
    }

    /// <param name="clock">What learns.</param>
    /// <param name="milliseconds">How long the trip takes.</param>
    /// <param name="until">When in it the server is asked for its time.</param>
    /// <param name="serverNow">What it says.</param>
    private void Trip(ServerClock clock, int milliseconds, int until, long serverNow)
    {
        long sentAt = _time.GetTimestamp();
        Assert.InRange(until, 0, milliseconds);
        _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        clock.Learn(sentAt, serverNow);
    }
}
