namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>How a window is learned: from a rejection, its pause and what was admitted in between.</summary>
public class LearnedWindowsTests : LearnedWindowsFixture
{
    [Fact]
    public void New_HoldsNothingBack()
    {
        Assert.Equal(1000, TakeUpTo(1000));
        Assert.Equal((false, false, long.MaxValue), (_windows.HoldsBack, _windows.IsCounted, _windows.NextChange(RejectionTime)));
        Assert.Equal(double.PositiveInfinity, _windows.TakenWithin(TimeSpan.FromSeconds(1), long.MinValue, Now));
        Assert.False(_windows.Reopen(Now, stated: true));
        Assert.False(_windows.Admitted());
    }

    [Fact]
    public void Reopen_AfterTheFirstUnexpectedRejection_GivesAtOnceWhatWasTakenBefore()
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
    public void CountedWindow_AdmitsAsMuchAsTheOneBefore_IsConfirmed()
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
    public void CountedWindow_AdmitsLess_IsNotConfirmedAndHasLess()
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(0.4);
        Assert.Equal(7, TakeUpTo(7));
        Reject();

        Assert.True(ReopenIn(1));

        Assert.Equal((6, false), (_windows.Limit, _windows.IsConfirmed));
    }

    [Fact]
    public void ConfirmedWindow_GivesWhatItHolds_AndNoProbeUntilLater()
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
    public void PauseWithoutHint_IsProbedFirst_AndReopensWhenTheProbeIsAdmitted()
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
    public void PauseWithoutHint_MeasuresTheWindowToTheRejection()
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
    public void CountedWindow_NearOneOfTheServices_IsThat(double measured, double period)
    {
        _windows.Rejected(Now, taken: 11);
        ReopenIn(0.4);
        TakeUpTo(11);
        Reject();

        ReopenIn(measured);

        Assert.Equal(period, _windows.Period.TotalSeconds, 3);
    }

    [Fact]
    public void ExpectedAt_IsKnownWhileAConfirmedWindowIsExhausted()
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
    public void NextChange_IsTheNextWindowOrTheNextProbe()
    {
        Learn(limit: 40, period: 60);
        long next = _time.After(Now, TimeSpan.FromSeconds(60));
        Assert.Equal(next, _windows.NextChange(RejectionTime));
        TakeUpTo(1000);

        // A look is due, and waits only until the last call would have been rejected.
        Assert.Equal(_time.After(Now, RejectionTime), _windows.NextChange(RejectionTime));
    }
}
