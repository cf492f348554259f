using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class QuotaTests
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    private readonly FakeTimeProvider _time = new(Clocks.Start);

    [Fact]
    public void Quota_AnySequence_NeverGivesMoreThanTheLimitWithinAnySpanOfThePeriod() =>
        Gen.Select(Gen.Int[1, 20], Gen.Select(Gen.Int[0, 4000], Gen.Int[1, 25]).Array[1, 200]).Sample((limit, asked) =>
        {
            FakeTimeProvider time = new(Clocks.Start);
            Quota quota = new(time, limit, Period);
            List<(TimeSpan At, int Cost)> taken = [];
            foreach ((int pause, int cost) in asked)
            {
                time.Advance(TimeSpan.FromMilliseconds(pause));
                // It has room exactly when what counts leaves some, or when nothing counts.
                TimeSpan now = time.GetUtcNow() - Clocks.Start;
                int used = taken.Where(take => take.At > now - Period).Sum(take => take.Cost);
                Assert.Equal(used == 0 || used + cost <= limit, quota.HasRoom(cost, time.GetTimestamp()));
                if (quota.HasRoom(cost, time.GetTimestamp()))
                {
                    quota.Take(cost, time.GetTimestamp());
                    taken.Add((now, cost));
                }
            }

            foreach ((TimeSpan start, _) in taken)
            {
                (TimeSpan At, int Cost)[] within = [.. taken.Where(take => take.At >= start && take.At < start + Period)];
                Assert.True(within.Sum(take => take.Cost) <= limit || within.Length == 1);
            }
        }, iter: 500);

    /// <summary>So that the log has a bound: takes within 10 us of the first count until the last of them is over, and so never too short.</summary>
    [Theory]
    [InlineData(99, 99)]
    [InlineData(200, 0)]
    public void Take_CloseToTheOneBefore_CountsWithIt(int ticks, int late)
    {
        Quota quota = new(_time, 2, Period);
        long first = _time.GetTimestamp();
        quota.Take(1, first);
        _time.Advance(TimeSpan.FromTicks(ticks));
        quota.Take(1, _time.GetTimestamp());

        Assert.Equal(first + Period.Ticks + late, quota.RoomAt(1, _time.GetTimestamp()));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        quota.Take(1, _time.GetTimestamp());
        Assert.Equal(first + Period.Ticks + ticks, quota.RoomAt(1, _time.GetTimestamp()));
    }

    [Fact]
    public void RoomAt_WhateverWasTaken_IsTheFirstMomentWithRoom() =>
        Gen.Select(Gen.Int[1, 20], Gen.Select(Gen.Int[0, 3000], Gen.Int[1, 25]).Array[1, 30], Gen.Int[1, 25]).Sample((limit, takes, cost) =>
        {
            FakeTimeProvider time = new(Clocks.Start);
            Quota quota = new(time, limit, Period);
            foreach ((int pause, int taken) in takes)
            {
                time.Advance(TimeSpan.FromMilliseconds(pause));
                quota.Take(taken, time.GetTimestamp());
            }

            long now = time.GetTimestamp();
            long at = quota.RoomAt(cost, now);

            Assert.Equal(at == long.MinValue, quota.HasRoom(cost, now));
            if (at != long.MinValue)
            {
                Assert.True(at > now);
                Assert.False(quota.HasRoom(cost, at - 1));
                Assert.True(quota.HasRoom(cost, at));
            }
        }, iter: 500);

    [Fact]
    public void HasRoom_ForMoreThanTheWholeLimit_OnlyWhileNothingElseCounts()
    {
        Quota quota = new(_time, 10, Period);
        Assert.True(quota.HasRoom(11, Now));
        quota.Take(11, Now);

        Assert.False(quota.HasRoom(1, Now));
        Assert.False(quota.HasRoom(11, Now));
        Assert.Equal(_time.After(Now, Period), quota.RoomAt(11, Now));
    }

    [Theory]
    [InlineData(1, 1, 60)]
    [InlineData(6, 1, 10)]
    [InlineData(59, 1, 60.0 / 59)]
    [InlineData(60, 1, 1)]
    [InlineData(90, 1, 60.0 / 90)]
    [InlineData(120, 2, 1)]
    [InlineData(6000, 100, 1)]
    public void OfRequests_SpreadsTheMinuteOverItsSeconds(int perMinute, int atOnce, double period)
    {
        Quota quota = Quota.OfRequests(_time, perMinute);
        for (int i = 0; i < atOnce; i++)
        {
            Assert.True(quota.HasRoom(1, Now));
            quota.Take(1, Now);
        }

        Assert.False(quota.HasRoom(1, Now));
        Assert.Equal(period, _time.Until(Now, quota.RoomAt(1, Now)).TotalSeconds, 3);
    }

    [Fact]
    public void OfTokens_CountsTheWholeMinute()
    {
        Quota quota = Quota.OfTokens(_time, 1000);
        quota.Take(1000, Now);

        Assert.False(quota.HasRoom(1, Now));
        Assert.Equal(60, _time.Until(Now, quota.RoomAt(1, Now)).TotalSeconds);
    }

    /// <summary>So also where the new one has the longer period.</summary>
    [Theory]
    [InlineData(0.999, false)]
    [InlineData(1, true)]
    public void OfRequests_InPlaceOfAnother_CountsWhatIsNotOverThere(double seconds, bool hasRoom)
    {
        Quota before = Quota.OfRequests(_time, 60);
        before.Take(1, Now);
        _time.Advance(TimeSpan.FromSeconds(seconds));

        Assert.Equal(hasRoom, Quota.OfRequests(_time, 6, before).HasRoom(1, Now));
    }

    [Fact]
    public void Take_ForManyPeriods_NeedsNoMoreMemoryThanForTwo()
    {
        Quota quota = new(_time, 1000, Period);
        long now = Now;
        long allocated = 0;
        for (int i = 0; i < 20_000; i++, now += TimeSpan.TicksPerMillisecond * 20)
        {
            quota.Take(1, now);
            allocated = i == 1_000 ? GC.GetAllocatedBytesForCurrentThread() : allocated;
        }

        Assert.Equal(allocated, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(now - (TimeSpan.TicksPerMillisecond * 20) + Period.Ticks, quota.RoomAt(1000, now));
    }

    [Fact]
    public void RoomAt_OfOneThatIsUnused_IsInThePast() => Assert.Equal(long.MinValue, new Quota(_time, 10, Period).RoomAt(10, Now));

    [Theory]
    [InlineData(1, 1.0 / 60)]
    [InlineData(59, 59.0 / 60)]
    [InlineData(90, 1.5)]
    [InlineData(120, 2)]
    [InlineData(150, 2.5)]
    public void PerSecond_IsTheMinutesSixtieth(int perMinute, double perSecond) => Assert.Equal(perSecond, Quota.OfRequests(_time, perMinute).PerSecond, 6);

    private long Now => _time.GetTimestamp();

    /// <summary>At least one in two periods, however small the part.</summary>
    [Theory]
    [InlineData(10, 0.625, 6, 9.6)]
    [InlineData(10, 0.32, 1, 3.125)]
    [InlineData(2, 1, 2, 10)]
    [InlineData(10, 0.16, 1, 6.25)]
    [InlineData(10, 1, 10, 10)]
    [InlineData(10, 0.08, 1, 12.5)]
    [InlineData(10, 0, 1, 20)]
    [InlineData(1, 0.25, 1, 20)]
    public void Part_IsThatOfOneProcess(int limit, double share, int expected, double seconds)
    {
        Quota part = new Quota(_time, limit, Period).Part(share);

        Assert.Equal((expected, TimeSpan.FromSeconds(seconds)), (part.Limit, part.Period));
    }

    [Fact]
    public void Part_CountsWhatWasTaken()
    {
        Quota whole = new(_time, 4, Period);
        whole.Take(1, Now);
        whole.Take(1, Now);

        Assert.False(whole.Part(0.5).HasRoom(1, Now));
        Assert.True(whole.HasRoom(1, Now));
    }
}
