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
                quota.Advance(time.GetTimestamp());
                // It has room exactly when what counts leaves some, or when nothing counts.
                TimeSpan now = time.GetUtcNow() - Clocks.Start;
                int used = taken.Where(take => take.At > now - Period).Sum(take => take.Cost);
                Assert.Equal(used == 0 || used + cost <= limit, quota.HasRoom(cost));
                if (quota.HasRoom(cost))
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

    [Fact]
    public void RoomAt_WhateverWasTaken_IsTheFirstMomentWithRoom() =>
        Gen.Select(Gen.Int[1, 20], Gen.Select(Gen.Int[0, 3000], Gen.Int[1, 25]).Array[1, 30], Gen.Int[1, 25]).Sample((limit, takes, cost) =>
        {
            FakeTimeProvider time = new(Clocks.Start);
            Quota quota = new(time, limit, Period);
            foreach ((int pause, int taken) in takes)
            {
                time.Advance(TimeSpan.FromMilliseconds(pause));
                quota.Advance(time.GetTimestamp());
                quota.Take(taken, time.GetTimestamp());
            }

            long at = quota.RoomAt(cost);

            Assert.Equal(at == long.MinValue, quota.HasRoom(cost));
            if (at != long.MinValue)
            {
                quota.Advance(at - 1);
                Assert.False(quota.HasRoom(cost));
                quota.Advance(at);
                Assert.True(quota.HasRoom(cost));
            }
        }, iter: 500);

    [Fact]
    public void HasRoom_ForMoreThanTheWholeLimit_OnlyWhileNothingElseCounts()
    {
        Quota quota = new(_time, 10, Period);
        Assert.True(quota.HasRoom(11));
        quota.Take(11, Now);

        Assert.False(quota.HasRoom(1));
        Assert.False(quota.HasRoom(11));
        Assert.Equal(_time.After(Now, Period), quota.RoomAt(11));
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
            Assert.True(quota.HasRoom(1));
            quota.Take(1, Now);
        }

        Assert.False(quota.HasRoom(1));
        Assert.Equal(period, _time.Until(Now, quota.NextChange).TotalSeconds, 3);
    }

    [Fact]
    public void OfTokens_CountsTheWholeMinute()
    {
        Quota quota = Quota.OfTokens(_time, 1000);
        quota.Take(1000, Now);

        Assert.False(quota.HasRoom(1));
        Assert.Equal(60, _time.Until(Now, quota.NextChange).TotalSeconds);
    }

    [Fact]
    public void NextChange_OfOneThatIsUnused_IsNever() => Assert.Equal(long.MaxValue, new Quota(_time, 10, Period).NextChange);

    [Fact]
    public void Within_IsWhatIsLeftAndWhatComesBack()
    {
        Quota quota = new(_time, 10, Period);
        quota.Take(4, Now);
        _time.Advance(TimeSpan.FromSeconds(3));

        // Six now, four after seven seconds, and the same again each ten seconds.
        Assert.Equal([6, 6, 10, 16, 20], new double[] { 0, 6.9, 7, 10, 17 }.Select(seconds => quota.Within(TimeSpan.FromSeconds(seconds), Now)));
    }

    [Fact]
    public void Within_AnySequence_IsWhatCanBeTaken() =>
        Gen.Select(Gen.Int[1, 5], Gen.Int[0, 4000].Array[0, 20], Gen.Int[0, 40_000]).Sample((limit, pauses, span) =>
        {
            FakeTimeProvider time = new(Clocks.Start);
            Quota quota = new(time, limit, Period);
            foreach (int pause in pauses)
            {
                Pass(pause);
                TakeOne();
            }

            double within = quota.Within(TimeSpan.FromMilliseconds(span), time.GetTimestamp());
            int taken = 0;
            for (int left = span; ;)
            {
                for (; TakeOne(); taken++)
                {
                }

                int next = (int)Math.Ceiling(time.Until(time.GetTimestamp(), quota.NextChange).TotalMilliseconds);
                if (next > left)
                {
                    break;
                }

                Pass(next);
                left -= next;
            }

            Assert.Equal(taken, within);

            void Pass(int milliseconds)
            {
                time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                quota.Advance(time.GetTimestamp());
            }

            bool TakeOne()
            {
                if (!quota.HasRoom(1))
                {
                    return false;
                }

                quota.Take(1, time.GetTimestamp());
                return true;
            }
        }, iter: 500);

    private long Now => _time.GetTimestamp();
}
