namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>How a limit that has changed is found: by a few calls more, and by rejections.</summary>
public class LearnedWindowsProbingTests : LearnedWindowsFixture
{
    [Fact]
    public void Probes_WindowHoldsFewCalls_AreFarApart()
    {
        Learn(limit: 1, period: 1);

        int[] windows = TakeWindows(25, 1);

        // One call in ten, so the limit of one is looked at in about every tenth window.
        Assert.Equal(1, windows[0]);
        Assert.InRange(Array.FindIndex(windows, taken => taken > 1), 8, 10);
    }

    [Fact]
    public void Probes_RejectionsCostTime_AreFarApart()
    {
        // Each rejection costs 0.2 s beyond the window of a second, and looks may cost one part in fifty.
        Learn(limit: 100, period: 1.2);
        Assert.Equal(1, _windows.Period.TotalSeconds);

        int[] windows = TakeWindows(15, 1);

        Assert.InRange(Array.FindIndex(windows, taken => taken > 100), 8, 10);
    }

    [Fact]
    public void LimitGrows_IsFollowed()
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
    public void Probes_NoneRejected_DoubleInOneWindow()
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
    public void Probe_WaitsUntilItsCallsWouldHaveBeenRejectedOrAllAreAnswered()
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
    public void LimitShrinks_IsFollowedAtOnce()
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
    public void TenthUnusedForThreeWindows_IsForgotten()
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
    public void WindowsAreUsed_IsNotForgotten()
    {
        Learn(limit: 10, period: 1);

        TakeWindows(30, 1, most: 9);

        Assert.True(_windows.HoldsBack);
    }

    [Fact]
    public void WindowRejectsFromTheFirst_DoesNotChangeWhatItHolds()
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
    public void WindowReopenedTooEarlyByOurEstimate_IsLengthened()
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
    public void BurstRejectedASecondTime_IsHalvedUntilOneIsAdmitted()
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
    public void ShortWindow_HoldsNoMoreThanTheLongRunAdmits()
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
    public void ShortWindow_SpentWhatHadAccumulated_IsNotTakenForThePace()
    {
        Learn(limit: 10, period: 1);
        TakeUpTo(9);
        Reject();

        ReopenIn(0.1);

        // Eight in a tenth of a second; but 18 in 1.1 s is the pace of the long run.
        Assert.InRange(_windows.Limit / _windows.Period.TotalSeconds, 10, 18.5);
    }

    [Fact]
    public void UnexpectedRejection_OfAConfirmedLimit_IsThatLimitAgain()
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
    public void Forget_EveryCallWasAdmitted_StopsTheCount()
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
}
