using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>One endpoint's pace, by outcomes and times. What holds for any sequence of them is in <see cref="PaceProperties"/>.</summary>
public class PaceTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly Pace _pace;

    public PaceTests() => _pace = new(_time);

    private long Now => _time.GetTimestamp();

    /// <summary>The seconds until the next call may go.</summary>
    private double RoomIn => _time.Until(Now, _pace.RoomAt).TotalSeconds;

    [Fact]
    public void Take_NothingWasRejected_HoldsNothingBack()
    {
        for (int i = 0; i < 100; i++)
        {
            _pace.Take(Now);
        }

        Assert.Equal((long.MinValue, 0, false), (_pace.RoomAt, _pace.PerSecond, _pace.IsKnown));
    }

    [Theory]
    // Milliseconds are believed; of whole seconds, and of a minute, the rate may be a guess, so it begins a twentieth lower.
    [InlineData(0.75, 40)]
    [InlineData(3.001, 40)]
    [InlineData(1.0, 38)]
    [InlineData(7.0, 38)]
    [InlineData(60.5, 38)]
    // Nobody stated a pause: the time of one call, of which half is lost.
    [InlineData(null, 40)]
    public void Rejected_FirstTime_SetsTheRateToTheCallsOfTheLastSecond(double? hint, double perSecond)
    {
        Reject(hint, taken: 40);

        Assert.Equal(perSecond, _pace.PerSecond, 6);
        Assert.Equal(hint ?? 0.025, RoomIn, 6);
        Assert.Equal(hint is null ? long.MinValue : _pace.RoomAt, _pace.StatedUntil);
        Assert.False(_pace.IsConfirmed);
    }

    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(1, 1)]
    [InlineData(4, 0.25)]
    [InlineData(40, 0.025)]
    [InlineData(50, 0.02)]
    [InlineData(5000, 0.02)]
    public void Rejected_WithoutAHint_PausesForTheTimeOfOneCallWithinBounds(double perSecond, double pause)
    {
        Reject(null, perSecond);

        Assert.Equal((pause, false), (Math.Round(RoomIn, 6), _pace.StatedUntil > Now));
    }

    [Fact]
    public void Take_AfterThePause_GoesOneByOne()
    {
        LearnRate(10);
        Assert.Equal(0.5, RoomIn, 6);
        Pass(0.5);
        Take();

        Assert.InRange(RoomIn, 0.099, 0.1);
        // Late within the slack costs nothing, more is lost.
        Pass(RoomIn + 0.0015);
        Take();
        Assert.InRange(RoomIn, 0.097, 0.0985);
        Pass(RoomIn + 0.05);
        Take();
        Assert.InRange(RoomIn, 0.096, 0.098);
    }

    [Theory]
    // Told in milliseconds: a tenth.
    [InlineData(0.3, 0.9)]
    [InlineData(12.345, 0.9)]
    // Whole seconds cost a second at most: a twentieth. Without a hint, half of the pause.
    [InlineData(1.0, 0.95)]
    [InlineData(30.0, 0.95)]
    [InlineData(90.5, 0.95)]
    [InlineData(null, 0.9)]
    public void Rejected_Again_CutsTheRateByWhatRejectionsCost(double? hint, double left)
    {
        LearnRate(40);
        Pass(1);
        TakeUnhurried(40);
        double before = _pace.PerSecond;

        Reject(hint);

        Assert.Equal(left * before, _pace.PerSecond, 6);
        Assert.True(_pace.IsConfirmed);
    }

    [Fact]
    public void Rejected_WithTheSamePauseThreeTimes_IsDearAsAWhole()
    {
        LearnRate(40, hint: 0.4);
        foreach (double left in new[] { 0.9, 0.95, 0.95 })
        {
            Pass(1);
            TakeUnhurried(40);
            double before = _pace.PerSecond;

            Reject(0.4);

            Assert.Equal(left * before, _pace.PerSecond, 6);
            // Way back, to where an early rejection would cut more.
            Use(12);
        }
    }

    [Fact]
    public void Rejected_EarlyOnTheWayBack_CutsTwiceAsMuchEachTime()
    {
        LearnRate(40);
        double before = _pace.PerSecond;
        foreach (double cut in new[] { 0.1, 0.2, 0.4, 0.4 })
        {
            Pass(RoomIn + 0.3);
            TakeUnhurried(2);
            Reject(0.301 + cut);
            Assert.Equal((1 - cut) * before, _pace.PerSecond, 6);
            before = _pace.PerSecond;
        }
    }

    [Theory]
    // Within two seconds of the first rejection, at the rate that it takes: the pause says all.
    [InlineData(1.0, 0.005, 0.98)]
    // Later; or where a rejection is dear, or nobody states a pause: as always.
    [InlineData(3.0, 0.005, 0.9)]
    [InlineData(1.0, 1.0, 0.95)]
    [InlineData(1.0, null, 0.9)]
    public void Rejected_SoonAfterTheFirstTime_CutsNothingOfWhatItAdmits(double after, double? hint, double left)
    {
        LearnRate(40, hint: 0.005);
        Pass(RoomIn);
        TakeEvenly(after, 40);
        double before = _pace.PerSecond;

        Reject(hint);

        Assert.InRange(_pace.PerSecond, (left - 0.02) * before, (left + 0.001) * before);
        Assert.True(_pace.IsConfirmed);
    }

    [Fact]
    public void Rejected_SoonAfterTheFirstTime_AboveWhatItAdmits_CutsAsAlways()
    {
        LearnRate(40, hint: 0.005);
        Pass(1.5);
        TakeUnhurried(2);
        double before = _pace.PerSecond;

        Reject(0.005);

        Assert.Equal(0.9 * before, _pace.PerSecond, 6);
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(19, true)]
    [InlineData(21, false)]
    public void Rejected_FirstCallAfterAGuessFromFewCalls_GoesOnGrowing(double guess, bool grows)
    {
        LearnRate(guess, hint: 0.004);
        Pass(RoomIn);
        Take();
        Reject(0.003);
        Assert.Equal(!grows, _pace.IsConfirmed);
        Pass(RoomIn);

        Use(grows ? 3 : 0.8);

        Assert.Equal(grows, _pace.PerSecond > 5 * guess);
        Assert.Equal(!grows, _pace.PerSecond < guess);
    }

    [Theory]
    [InlineData(4.0, 0.02, 2)]
    [InlineData(10.0, 0.02, 5)]
    // Ten times its length later it says nothing any more.
    [InlineData(0.9, 9.5, 1)]
    public void Take_AfterALongPauseWasStated_ComesBackInHalfOfItsTime(double longest, double later, double back)
    {
        LearnRate(40, hint: longest + 0.001);
        Pass(longest + later);
        TakeUnhurried(2);
        double plateau = _pace.PerSecond;
        Reject(0.005);
        Pass(RoomIn);

        Use(0.93 * back);
        Assert.True(_pace.PerSecond < plateau);
        Use(0.3 * back);
        Assert.True(_pace.PerSecond > plateau);
    }

    [Theory]
    [InlineData(0.5, new double[] { 1, 2, 4, 8, 8, 8 })]
    [InlineData(3.0, new double[] { 6, 12, 24, 30, 30 })]
    [InlineData(29.0, new double[] { 30, 30 })]
    [InlineData(270.0, new double[] { 270 })]
    public void Rejected_FirstCallAfterAPause_DoublesThePauseToThirtySecondsAndTakesTwoHundredths(double hint, double[] pauses)
    {
        LearnRate(40, hint);
        foreach (double pause in pauses)
        {
            double before = _pace.PerSecond;
            Pass(RoomIn + 0.3);
            TakeUnhurried(1);
            Reject(hint);

            Assert.Equal(pause, RoomIn, 6);
            Assert.Equal(0.98 * before, _pace.PerSecond, 6);
            // What was stated is the hint alone.
            Assert.Equal(hint, _time.Until(Now, _pace.StatedUntil).TotalSeconds, 6);
        }

        // A second call went before this one, so the pause was long enough.
        Pass(RoomIn + 0.3);
        TakeUnhurried(2);
        Reject(hint);
        Assert.Equal(hint, RoomIn, 6);
    }

    [Fact]
    public void Rejected_FirstCallAfterAPauseThatNobodyStated_DoublesItToThirtySeconds()
    {
        Reject(null, taken: 8);
        Assert.Equal(0.125, RoomIn, 6);
        foreach (double pause in new[] { 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30 })
        {
            Pass(RoomIn + 0.3);
            TakeUnhurried(1);
            Reject(null);
            Assert.Equal(pause, RoomIn, 6);
        }

        Pass(RoomIn + 0.3);
        TakeUnhurried(2);
        Reject(null);

        Assert.InRange(RoomIn, 0.125, 0.2);
    }

    [Theory]
    [InlineData(0.1, 0.5)]
    [InlineData(0.9, 0.9)]
    [InlineData(null, 0.5)]
    public void Rejected_SentBeforeThePauseEnded_MayLengthenItAndNothingElse(double? hint, double expected)
    {
        LearnRate(40);
        Pass(1);
        TakeUnhurried(2);
        long sentAt = Now;
        Reject(0.5);
        double before = _pace.PerSecond;

        _pace.Rejected(Now, sentAt, Span(hint), taken: 1);

        Assert.Equal(before, _pace.PerSecond);
        Assert.Equal(expected, RoomIn, 6);
        // It may come later still.
        Pass(5);
        _pace.Rejected(Now, sentAt, Span(hint), taken: 1);
        Assert.Equal(before, _pace.PerSecond);
        Assert.Equal(hint ?? 0, RoomIn, 6);
    }

    [Fact]
    public void Rejected_OfTheFirstBurst_EachTakesOneOffTheGuessWhereRejectionsAreDear()
    {
        long sentAt = Now;
        Reject(5, taken: 10);
        Assert.Equal(9.5, _pace.PerSecond, 6);
        for (int left = 9; left >= -2; left--)
        {
            _pace.Rejected(Now, sentAt, Span(5), taken: 99);
            Assert.Equal(0.95 * Math.Max(1, left), _pace.PerSecond, 6);
        }
    }

    [Theory]
    // Told in milliseconds: the time of 20 calls. In whole seconds: 25 s.
    [InlineData(0.5, 10, 2)]
    [InlineData(0.5, 40, 1)]
    [InlineData(2.0, 40, 25)]
    [InlineData(61.5, 40, 30)]
    public void Take_AsSoonAsItMay_ComesBackToThePlateauWithinItsTime(double hint, double perSecond, double back)
    {
        LearnRate(perSecond);
        Pass(RoomIn + 1);
        TakeUnhurried(2);
        double plateau = _pace.PerSecond;
        Reject(hint);
        double cut = plateau - _pace.PerSecond;
        Pass(RoomIn);
        Use(0.5 * back);
        // Half of the way is seven eighths of the cut.
        Assert.InRange(_pace.PerSecond, plateau - (0.25 * cut), plateau);
        Use(0.45 * back);
        Assert.InRange(_pace.PerSecond, plateau - (0.02 * cut), plateau + (0.001 * cut));
        Use(0.2 * back);
        Assert.InRange(_pace.PerSecond, plateau, 2 * plateau);
        Use(12);

        Assert.True(_pace.PerSecond > 2 * plateau, $"{_pace.PerSecond} calls a second.");
    }

    [Theory]
    [InlineData(0.03)]
    [InlineData(0.3)]
    public void Take_LaterThanItMay_GrowsNothing(double late)
    {
        LearnRate(10);
        double before = _pace.PerSecond;
        for (int i = 0; i < 200; i++)
        {
            Pass(RoomIn + late);
            Take();
        }

        Assert.Equal(before, _pace.PerSecond);
    }

    [Theory]
    [InlineData(0.4, false)]
    [InlineData(0.6, true)]
    public void Take_FiveMinutesOfLessThanHalfUse_ForgetsThePace(double use, bool isKept)
    {
        LearnRate(10);
        Pass(RoomIn);
        for (double seconds = 0; seconds < 302; seconds += 0.1 / use)
        {
            Pass(0.1 / use);
            Take();
        }

        Assert.Equal(isKept, _pace.IsKnown);
        Assert.Equal(isKept, _pace.RoomAt > Now);
    }

    [Fact]
    public void Take_AfterHoursOfRest_ForgetsThePace()
    {
        LearnRate(10);
        Pass(3 * 3600);
        Take();

        Assert.False(_pace.IsKnown);
    }

    [Fact]
    public void PauseUntil_SomethingElseSaysSo_ChangesNoRate()
    {
        LearnRate(10);
        double before = _pace.PerSecond;
        _pace.PauseUntil(_time.After(Now, TimeSpan.FromSeconds(2)), isStated: false);
        Assert.Equal((2, before, false), (Math.Round(RoomIn, 6), _pace.PerSecond, _pace.StatedUntil == _pace.PausedUntil));
        _pace.PauseUntil(_time.After(Now, TimeSpan.FromSeconds(3)), isStated: true);
        Assert.Equal((3, true), (Math.Round(RoomIn, 6), _pace.StatedUntil == _pace.PausedUntil));
        _pace.PauseUntil(_time.After(Now, TimeSpan.FromSeconds(1)), isStated: true);

        Assert.Equal((3, before, true), (Math.Round(RoomIn, 6), _pace.PerSecond, _pace.StatedUntil == _pace.PausedUntil));
    }

    [Fact]
    public void Rejected_ForADay_IsBackWithinTwoMinutes()
    {
        LearnRate(40);
        for (int i = 0; i < 24 * 3600 / 16; i++)
        {
            Pass(RoomIn);
            Take();
            Reject(1);
        }

        Pass(RoomIn);
        Use(120);

        Assert.True(!_pace.IsKnown || _pace.PerSecond > 40, $"{_pace.PerSecond} calls a second.");
    }

    private static TimeSpan? Span(double? seconds) => seconds is { } some ? TimeSpan.FromSeconds(some) : null;

    /// <summary>The pace is this, after one rejection that cost nothing.</summary>
    private void LearnRate(double perSecond, double hint = 0.5) => Reject(hint, perSecond);

    private void Reject(double? hint, double taken = 1) => _pace.Rejected(Now, Now, Span(hint), taken);

    private void Take() => _pace.Take(Now);

    /// <summary>Takes calls as the pace allows, but none so soon that it would grow.</summary>
    private void TakeUnhurried(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Pass(RoomIn + (_pace.IsKnown ? Math.Max(0.003, 0.2 / _pace.PerSecond) : 1));
            Take();
        }
    }

    /// <summary>Takes calls at a rate that the pace does not hold back.</summary>
    private void TakeEvenly(double seconds, double perSecond)
    {
        for (int i = 0; i < seconds * perSecond; i++)
        {
            Pass(1 / perSecond);
            Take();
        }
    }

    /// <summary>Takes calls as soon as they may go.</summary>
    private void Use(double seconds)
    {
        long end = _time.After(Now, TimeSpan.FromSeconds(seconds));
        while (_pace.IsKnown && _pace.RoomAt < end)
        {
            Pass(RoomIn);
            Take();
        }
    }

    private void Pass(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
