using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class LearnedWindowsTests
{
    private static readonly TimeSpan RejectionTime = TimeSpan.FromMilliseconds(250);

    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly LearnedWindows _windows;

    public LearnedWindowsTests()
    {
        _time.Advance(TimeSpan.FromHours(1));
        _windows = new(_time);
    }

    private long Now => _time.GetTimestamp();

    [Fact]
    public void Untouched_HoldsNothingBack()
    {
        Assert.Equal(1000, TakeUpTo(1000));
        Assert.Equal((false, false, long.MaxValue), (_windows.HoldsBack, _windows.IsCounted, _windows.NextChange(RejectionTime)));
        Assert.Equal(double.PositiveInfinity, _windows.TakenWithin(TimeSpan.FromSeconds(1), long.MinValue, Now));
        Assert.False(_windows.Reopen(Now, stated: true));
        Assert.False(_windows.Admitted());
    }

    [Fact]
    public void Reopen_AfterTheFirstRejectionOutOfTheBlue_GivesAtOnceWhatWasTakenBefore()
    {
        _windows.Rejected(Now, taken: 11);

        Assert.True(ReopenIn(0.4));

        Assert.Equal((10, 1.0, false), (_windows.Limit, _windows.Period.TotalSeconds, _windows.IsConfirmed));
        // The look for more goes with the others.
        Assert.Equal(11, TakeUpTo(100));
        Assert.False(_windows.HasRoom);
    }

    [Theory]
    [InlineData(0.4, 1)]
    [InlineData(1, 1)]
    [InlineData(1.1, 10)]
    [InlineData(10, 10)]
    [InlineData(42, 60)]
    [InlineData(90, 90)]
    public void Reopen_AfterTheFirstRejection_TakesTheShortestWindowThatThePauseFitsInto(double pause, double period)
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(pause);

        Assert.Equal(period, _windows.Period.TotalSeconds);
    }

    [Fact]
    public void ACountedWindow_ThatAdmitsAsMuchAsTheOneBefore_IsConfirmed()
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(0.4);
        TakeUpTo(11);
        Reject();
        Assert.False(_windows.IsConfirmed);

        Assert.True(ReopenIn(1));

        Assert.Equal((10, true), (_windows.Limit, _windows.IsConfirmed));
    }

    [Fact]
    public void ACountedWindow_ThatAdmitsLess_IsNotConfirmedAndHasLess()
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(0.4);
        Assert.Equal(7, TakeUpTo(7));
        Reject();

        Assert.True(ReopenIn(1));

        Assert.Equal((6, false), (_windows.Limit, _windows.IsConfirmed));
    }

    [Fact]
    public void AConfirmedWindow_GivesWhatItHoldsAndNoLookUntilLater()
    {
        Learn(limit: 4, period: 1);

        Assert.Equal(4, TakeUpTo(100));
        Wait(0.5);
        Assert.False(_windows.HasRoom);
        Wait(0.5);
        Assert.Equal(4, TakeUpTo(100));
        Wait(1);

        // One call in ten may be lost to looks, so the next is due two and a half windows after the rejection, and goes with the window's own calls.
        Assert.Equal(5, TakeUpTo(100));
    }

    [Fact]
    public void ManyRejectionsOfOneWindow_AreEachTakenOffWhatItHolds()
    {
        Learn(limit: 10, period: 1);
        Wait(1);
        TakeUpTo(11);
        Reject();
        Reject();
        Reject();

        ReopenIn(1);

        Assert.Equal((8, false), (_windows.Limit, _windows.IsConfirmed));
    }

    [Fact]
    public void AnUnstatedPause_IsProbedFirstAndOpensWhenTheProbeIsAdmitted()
    {
        _windows.Rejected(Now, taken: 11);
        Wait(0.5);
        Assert.False(_windows.Reopen(Now, stated: false));
        Assert.False(_windows.HoldsBack);
        Assert.True(_windows.IsCounted);
        _windows.Take(Now);

        Assert.True(_windows.Admitted());

        Assert.True(_windows.HoldsBack);
        Assert.Equal(10, TakeUpTo(100));
        Assert.False(_windows.Admitted());
    }

    [Fact]
    public void AnUnstatedPause_MeasuresTheWindowToTheRejection()
    {
        _windows.Rejected(Now, taken: 11);
        Wait(0.5);
        _windows.Reopen(Now, stated: false);
        Wait(3);
        TakeUpTo(10);
        _windows.Admitted();
        TakeUpTo(1);
        Reject();
        Wait(4);

        _windows.Reopen(Now, stated: false);

        Assert.Equal(10, _windows.Period.TotalSeconds);
    }

    [Theory]
    [InlineData(0.99, 1)]
    [InlineData(1.29, 1)]
    [InlineData(1.31, 1.31)]
    [InlineData(10, 10)]
    [InlineData(12.9, 10)]
    [InlineData(20, 20)]
    [InlineData(59, 60)]
    [InlineData(75, 60)]
    public void ACountedWindow_NearOneOfTheServices_IsThat(double measured, double period)
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(0.4);
        TakeUpTo(11);
        Reject();

        ReopenIn(measured);

        Assert.Equal(period, _windows.Period.TotalSeconds, 3);
    }

    [Fact]
    public void Looks_WhereAWindowHoldsFewCalls_AreFarApart()
    {
        Learn(limit: 1, period: 1);

        int[] windows = TakeWindows(25, 1);

        // One call in ten, so the limit of one is looked at in about every tenth window.
        Assert.Equal(1, windows[0]);
        Assert.InRange(Array.FindIndex(windows, taken => taken > 1), 8, 10);
    }

    [Fact]
    public void Looks_WhereRejectionsCostTime_AreFarApart()
    {
        // Each rejection costs 0.2 s beyond the window of a second, and looks may cost one part in fifty.
        Learn(limit: 100, period: 1.2);
        Assert.Equal(1, _windows.Period.TotalSeconds);

        int[] windows = TakeWindows(15, 1);

        Assert.InRange(Array.FindIndex(windows, taken => taken > 100), 8, 10);
    }

    [Fact]
    public void ALimitThatGrows_IsFollowed()
    {
        Learn(limit: 10, period: 1);
        Wait(0.75);

        for (int i = 0; i < 12; i++)
        {
            Wait(0.25);
            TakeWithLooks(100);
        }

        Assert.InRange(_windows.Limit, 90, 200);
    }

    [Fact]
    public void Looks_InOneWindow_DoubleWhileNoneIsRejected()
    {
        Learn(limit: 40, period: 60);
        Wait(60);
        List<int> looks = [TakeUpTo(1000) - 40];
        for (int i = 0; i < 6; i++)
        {
            Wait(0.25);
            looks.Add(TakeUpTo(1000));
        }

        // The first went with the window's own calls; those after it are each twice as large, up to a quarter of the limit.
        Assert.Equal([2, 2, 4, 8, 10, 10, 10], looks);
    }

    [Fact]
    public void ALook_WaitsUntilItsCallsWouldHaveBeenRejectedOrAllAreAnswered()
    {
        Learn(limit: 40, period: 60);
        Wait(60);
        TakeUpTo(1000);
        _time.Advance(TimeSpan.FromMilliseconds(249));
        _windows.Advance(Now, RejectionTime, drained: false);
        Assert.False(_windows.HasRoom);

        _windows.Advance(Now, RejectionTime, drained: true);

        Assert.True(_windows.HasRoom);
    }

    [Fact]
    public void ALimitThatShrinks_IsFollowedAtOnce()
    {
        Learn(limit: 10, period: 1);
        for (int taken = 0; taken < 6; taken++)
        {
            _windows.Take(Now);
        }

        Reject();
        ReopenIn(1);

        Assert.Equal(5, _windows.Limit);
        Assert.InRange(TakeUpTo(100), 5, 6);
    }

    [Fact]
    public void AnEndpoint_ThatLeavesATenthUnusedForThreeWindows_IsLetGo()
    {
        Learn(limit: 10, period: 1);
        int[] windows = TakeWindows(3, 1, most: 8);
        Assert.True(_windows.HoldsBack);
        Assert.Equal([8, 8, 8], windows);

        Wait(1);

        Assert.False(_windows.HoldsBack);
        Assert.False(_windows.IsCounted);
        Assert.Equal(1000, TakeUpTo(1000));
    }

    [Fact]
    public void AnEndpoint_ThatUsesItsWindows_IsNotLetGo()
    {
        Learn(limit: 10, period: 1);

        TakeWindows(30, 1, most: 9);

        Assert.True(_windows.HoldsBack);
    }

    [Fact]
    public void AWindow_FoundShut_SaysNothingOfWhatItHolds()
    {
        Learn(limit: 10, period: 1);
        _windows.Take(Now);
        Reject();

        Assert.False(ReopenIn(0.5));

        Assert.Equal(10, _windows.Limit);
        // It is probed, and as soon as the probe is admitted the whole window follows.
        _windows.Take(Now);
        Assert.True(_windows.Admitted());
        Assert.Equal(9, TakeUpTo(100));
    }

    [Fact]
    public void AWindow_OpenedTooEarlyByOurOwnReckoning_IsLengthened()
    {
        Learn(limit: 10, period: 1);
        TakeUpTo(10);
        Wait(1);
        _windows.Take(Now);
        Reject();

        ReopenIn(0.2);

        Assert.Equal(1.2, _windows.Period.TotalSeconds, 3);
    }

    [Fact]
    public void Bursts_FoundShutASecondTime_AreHalvedUntilOneIsAdmitted()
    {
        Learn(limit: 40, period: 1);
        List<int> limits = [];
        for (int i = 0; i < 4; i++)
        {
            _windows.Take(Now);
            _windows.Take(Now);
            Reject();
            Reject();
            ReopenIn(1);
            limits.Add(_windows.Limit);
        }

        Assert.Equal([40, 20, 10, 5], limits);
    }

    [Fact]
    public void AShortSpell_HoldsNoMoreThanTheLongRunAdmits()
    {
        // A bucket of 10 that fills with 10 a second: a rejection asks for the tenth of a second in which one call's room comes back.
        Learn(limit: 10, period: 1);
        double room = 10;
        int taken = 0;
        for (int i = 0; i < 2000; i++)
        {
            bool rejected = false;
            for (; _windows.HasRoom && !rejected; taken++)
            {
                _windows.Take(Now);
                rejected = room < 1;
                room -= rejected ? 0 : 1;
            }

            if (rejected)
            {
                Reject();
                room = Math.Min(10, room + 1);
                ReopenIn(0.1);
                _windows.Admitted();
            }
            else
            {
                room = Math.Min(10, room + 0.5);
                Wait(0.05);
            }
        }

        Assert.InRange(_windows.Limit / _windows.Period.TotalSeconds, 8, 13);
    }

    [Fact]
    public void AShortSpell_ThatSpentWhatHadGathered_IsNotTakenForThePace()
    {
        Learn(limit: 10, period: 1);
        TakeUpTo(9);
        Reject();

        ReopenIn(0.1);

        // Eight in a tenth of a second; but 18 in 1.1 s is the pace of the long run.
        Assert.InRange(_windows.Limit / _windows.Period.TotalSeconds, 10, 18.5);
    }

    [Fact]
    public void ARejectionOutOfTheBlue_OfALimitThatWasConfirmed_IsThatLimitAgain()
    {
        Learn(limit: 10, period: 1);
        TakeWindows(5, 1, most: 1);
        Assert.False(_windows.IsCounted);
        _windows.Rejected(Now, taken: 3);

        Assert.True(ReopenIn(0.5));

        Assert.Equal((10, 1.0), (_windows.Limit, _windows.Period.TotalSeconds));
    }

    [Fact]
    public void Forget_WhileTurnsAreHeldBack_ForgetsNothing()
    {
        Learn(limit: 10, period: 1);

        _windows.Forget();

        Assert.True(_windows.HoldsBack);
    }

    [Fact]
    public void Forget_OfOneThatShowedCallByCallThatItTakesAll_StopsTheCount()
    {
        _windows.Rejected(Now, taken: 1);
        Wait(1);
        Assert.False(_windows.Reopen(Now, stated: true));
        _windows.Take(Now);
        Assert.False(_windows.Admitted());
        Assert.True(_windows.IsCounted);

        _windows.Forget();

        Assert.False(_windows.IsCounted);
    }

    [Fact]
    public void ExpectedAt_IsKnownWhileAConfirmedWindowIsShut()
    {
        Learn(limit: 10, period: 10);
        Assert.Equal(long.MinValue, _windows.ExpectedAt);
        long opensAt = _time.After(Now, TimeSpan.FromSeconds(10));
        TakeUpTo(10);
        Wait(3);
        _windows.Take(Now);
        Reject();

        Assert.Equal(opensAt, _windows.ExpectedAt);
    }

    [Fact]
    public void TakenWithin_CountsWhatIsLeftAndTheWindowsThatBegin()
    {
        Learn(limit: 5, period: 10);
        TakeUpTo(2);

        Assert.Equal([3, 3, 8, 13], new double[] { 0, 9.9, 10, 20 }.Select(seconds => _windows.TakenWithin(TimeSpan.FromSeconds(seconds), long.MinValue, Now)));

        Reject();
        long opensAt = _time.After(Now, TimeSpan.FromSeconds(12));
        Assert.Equal([0, 0, 5, 10], new double[] { 0, 11.9, 12, 22 }.Select(seconds => _windows.TakenWithin(TimeSpan.FromSeconds(seconds), opensAt, Now)));
    }

    [Fact]
    public void NextChange_IsTheNextWindowOrTheNextLook()
    {
        Learn(limit: 40, period: 60);
        long next = _time.After(Now, TimeSpan.FromSeconds(60));
        Assert.Equal(next, _windows.NextChange(RejectionTime));
        TakeUpTo(1000);

        // A look is due, and waits only until the last call would have been rejected.
        Assert.Equal(_time.After(Now, RejectionTime), _windows.NextChange(RejectionTime));
    }

    /// <summary>Has it learned and confirmed that so many calls are taken in such a time, in which it is now open and untouched.</summary>
    private void Learn(int limit, double period)
    {
        _windows.Rejected(Now, taken: limit + 1);
        ReopenIn(period);
        for (int i = 0; i <= limit; i++)
        {
            _windows.Take(Now);
        }

        Reject();
        Assert.True(ReopenIn(period));
        Assert.Equal((limit, true), (_windows.Limit, _windows.IsConfirmed));
    }

    private void Reject() => _windows.Rejected(Now, taken: 0);

    private bool ReopenIn(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        return _windows.Reopen(Now, stated: true);
    }

    private void Wait(double seconds)
    {
        _time.Advance(TimeSpan.FromSeconds(seconds));
        _windows.Advance(Now, RejectionTime, drained: false);
    }

    private int TakeUpTo(int most)
    {
        int taken = 0;
        for (; taken < most && _windows.HasRoom; taken++)
        {
            _windows.Take(Now);
        }

        return taken;
    }

    /// <summary>Takes all it may for three quarters of a second of a window, its looks included.</summary>
    private void TakeWithLooks(int most)
    {
        for (int taken = TakeUpTo(most), quarter = 0; quarter < 3; quarter++)
        {
            Wait(0.25);
            taken += TakeUpTo(most - taken);
        }
    }

    /// <summary>How many calls each of the next windows takes at its opening.</summary>
    private int[] TakeWindows(int count, double period, int most = int.MaxValue)
    {
        int[] windows = new int[count];
        for (int i = 0; i < count; i++)
        {
            windows[i] = TakeUpTo(Math.Min(most, 10_000));
            if (i < count - 1)
            {
                Wait(period);
            }
        }

        return windows;
    }
}
