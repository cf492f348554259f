using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>Whether the calls in flight are limited, by what calls met and what became of them.</summary>
public class InFlightLimitTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly InFlightLimit _limit;

    public InFlightLimitTests() => _limit = new(_time);

    private long Now => _time.GetTimestamp();

    [Fact]
    public void Rejected_EachMetMoreThanAnyAdmitted_IsALimitOfCallsInFlight()
    {
        Learn(most: 5);

        Assert.Equal((5, true), (_limit.Limit, _limit.IsKnown));
        Assert.Equal([true, true, false, false], [_limit.HasRoom(0, Now), _limit.HasRoom(4, Now), _limit.HasRoom(5, Now), _limit.HasRoom(6, Now)]);
    }

    [Theory]
    // One rejection too few, one admission too few, and admissions of far fewer in flight.
    [InlineData(5, 12, 5)]
    [InlineData(6, 11, 5)]
    [InlineData(6, 50, 2)]
    public void Rejected_TooLittleEvidence_IsNotBelieved(int rejections, int admissions, int met)
    {
        _limit.Rejected(6, Now);
        Repeat(admissions, () => _limit.Admitted(met, Now));
        Repeat(rejections - 1, () => _limit.Rejected(6, Now));

        Assert.False(_limit.IsKnown);
    }

    [Fact]
    public void Admitted_MoreThanWereRejectedThatMetAsMany_IsNoSuchLimitForAMinute()
    {
        Repeat(5, () => _limit.Rejected(6, Now));
        Repeat(11, () => _limit.Admitted(6, Now));
        Assert.True(_limit.IsWatched(Now));
        _limit.Admitted(7, Now);

        Assert.False(_limit.IsWatched(Now));
        _time.Advance(TimeSpan.FromSeconds(59.9));
        Assert.False(_limit.IsWatched(Now));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(_limit.IsWatched(Now));
        Learn(most: 3);
        Assert.Equal(3, _limit.Limit);
    }

    /// <summary>A call that has ended there is in flight here for a moment longer.</summary>
    [Theory]
    [InlineData(6, true)]
    [InlineData(7, false)]
    public void Admitted_AFewThatSeemToHaveMetTooMany_AreIgnored(int few, bool isKnown)
    {
        _limit.Rejected(6, Now);
        Repeat(12, () => _limit.Admitted(5, Now));
        Repeat(few, () => _limit.Admitted(6, Now));
        Repeat(5, () => _limit.Rejected(7, Now));

        Assert.Equal(isKnown, _limit.IsKnown);
    }

    [Fact]
    public void Rejected_ThatMetFewerThanAnyBefore_BeginsAnew()
    {
        _limit.Rejected(6, Now);
        Repeat(12, () => _limit.Admitted(5, Now));
        Repeat(4, () => _limit.Rejected(6, Now));
        _limit.Rejected(4, Now);
        Assert.False(_limit.IsKnown);

        Learn(most: 3);

        Assert.Equal(3, _limit.Limit);
    }

    [Fact]
    public void HasRoom_Full_OneMoreIsTriedEveryThreeSeconds()
    {
        Learn(most: 5);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal((true, false), (_limit.HasRoom(5, Now), _limit.HasRoom(6, Now)));

        _limit.Take(6, Now);
        Assert.False(_limit.HasRoom(5, Now));
        _limit.Rejected(6, Now);

        _time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(_limit.HasRoom(5, Now));
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(_limit.HasRoom(5, Now));
        Assert.Equal(5, _limit.Limit);
    }

    [Fact]
    public void Admitted_OneMore_RaisesTheLimit()
    {
        Learn(most: 5);

        _limit.Take(6, Now);
        _limit.Admitted(6, Now);

        Assert.Equal((6, true, false), (_limit.Limit, _limit.HasRoom(5, Now), _limit.HasRoom(6, Now)));
    }

    /// <summary>By chance one was admitted that met too many. What was held before stays proven.</summary>
    [Fact]
    public void Rejected_AtALimitThatWasRaisedByChance_OnlyLowersItAgain()
    {
        Learn(most: 5);
        for (int i = 0; i < 20; i++)
        {
            _limit.Take(6, Now);
            _limit.Admitted(6, Now);
            _limit.Rejected(6, Now);
        }

        Assert.Equal(5, _limit.Limit);
    }

    [Fact]
    public void Rejected_WithinTheLimit_LowersIt()
    {
        Learn(most: 5);

        _limit.Rejected(5, Now);
        Assert.Equal(4, _limit.Limit);
        _limit.Rejected(1, Now);
        Assert.Equal(1, _limit.Limit);
    }

    [Theory]
    [InlineData(11, false)]
    [InlineData(12, true)]
    public void Rejected_ThreeTimesWithinTheLimit_RevokesItForAMinute(int admitted, bool isForgiven)
    {
        Learn(most: 9);
        _limit.Rejected(9, Now);
        _limit.Rejected(8, Now);
        Repeat(admitted, () => _limit.Admitted(7, Now));

        _limit.Rejected(7, Now);

        Assert.Equal((isForgiven, isForgiven), (_limit.IsKnown, _limit.IsWatched(Now)));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_limit.IsWatched(Now));
    }

    /// <summary>A limiter of calls in flight, with calls that come and go at random: the limit that is found is never above its own by more than the one that is tried.</summary>
    [Fact]
    public void AnyTraffic_OfALimiterOfCallsInFlight_FindsNeverMore() => Gen.Select(Gen.Int[1, 20], Gen.Int[0, 30].Array[200, 800]).Sample((most, calls) =>
    {
        FakeTimeProvider time = new(Clocks.Start);
        InFlightLimit limit = new(time);
        int least = int.MaxValue;
        foreach (int others in calls)
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            long now = time.GetTimestamp();
            if (others + 1 <= most)
            {
                limit.Take(others + 1, now);
                limit.Admitted(others + 1, now);
            }
            else
            {
                limit.Rejected(others + 1, now);
                least = Math.Min(least, others + 1);
            }

            Assert.True(limit.Limit < least, $"{limit.Limit} of {most}, and {least} were rejected");
        }
    }, iter: 300);

    /// <summary>A limiter that rejects every twentieth call, whatever is in flight, is not taken for one of calls in flight for long.</summary>
    [Fact]
    public void AnyTraffic_RejectedWhateverIsInFlight_HoldsNobodyBackForLong() => Gen.Int[1, 20].Array[400, 800].Sample(calls =>
    {
        FakeTimeProvider time = new(Clocks.Start);
        InFlightLimit limit = new(time);
        int known = 0;
        for (int i = 0; i < calls.Length; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            long now = time.GetTimestamp();
            if (!limit.IsWatched(now))
            {
                continue;
            }

            if (i % 20 == 19)
            {
                limit.Rejected(calls[i], now);
            }
            else
            {
                limit.Admitted(calls[i], now);
            }

            known += limit.IsKnown ? 1 : 0;
        }

        Assert.InRange(known, 0, calls.Length / 4);
    }, iter: 300);

    private static void Repeat(int times, Action action)
    {
        for (int i = 0; i < times; i++)
        {
            action();
        }
    }

    private void Learn(int most)
    {
        _limit.Rejected(most + 1, Now);
        Repeat(12, () => _limit.Admitted(most, Now));
        Repeat(5, () => _limit.Rejected(most + 1, Now));
    }
}
