using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class RateTestTests
{
    private const double First = 100;

    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly RateTest _test;
    private long _now = Clocks.Start.UtcTicks;

    public RateTestTests()
    {
        _test = new(_time);
        _test.Begin(First, _now);
    }

    [Theory]
    [InlineData(99)]
    [InlineData(76)]
    public void RateNearTheOneBefore_IsCut(double rate)
    {
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(RateVerdict.Cut, Reject(calls: 10, rate));
        }
    }

    [Fact]
    public void LowerRateHasCome_FourRejectionsThere_TriesMore()
    {
        Assert.Equal(RateVerdict.Cut, Reject(calls: 3, rate: 75));

        RateVerdict[] verdicts = [.. Enumerable.Range(0, 4).Select(_ => Reject(calls: 3, rate: 70))];

        Assert.Equal([RateVerdict.Cut, RateVerdict.Cut, RateVerdict.Cut, RateVerdict.TryMore], verdicts);
        Assert.True(_test.HoldsRate);
    }

    [Fact]
    public void LowerRateHasCome_TwoRejectionsInManyCallsThere_TriesMore()
    {
        Reject(calls: 3, rate: 75);

        Assert.Equal(RateVerdict.Cut, Reject(calls: 20, rate: 70));
        Assert.Equal(RateVerdict.TryMore, Reject(calls: 20, rate: 70));
    }

    [Fact]
    public void RateCameBack_IsTheOneBeforeFromNowOn()
    {
        Reject(calls: 3, rate: 75);

        _test.Judge(_now, 60, 60, cameBack: true);

        Assert.Equal(60, _test.Top);
        Assert.Equal(RateVerdict.Cut, Reject(calls: 50, rate: 46));
        Assert.Equal(RateVerdict.Cut, Reject(calls: 50, rate: 46));
    }

    [Theory]
    [InlineData(10, 10)]
    [InlineData(10, 8)]
    [InlineData(3, 3)]
    public void SameShareAtBothRates_HoldsForGood(int everyAtLow, int everyAtMore)
    {
        TryMore(everyAtLow);

        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(RateVerdict.Hold, Reject(everyAtMore, rate: 100, seconds: 1));
        }

        Assert.True(_test.HoldsRate);
    }

    [Theory]
    [InlineData(10, 2)]
    [InlineData(20, 6)]
    public void LargerShareAtTheHigherRate_BackToLow(int everyAtLow, int everyAtMore)
    {
        TryMore(everyAtLow);

        RateVerdict[] verdicts = [.. Enumerable.Range(0, 4).Select(_ => Reject(everyAtMore, rate: 100))];

        Assert.Equal(RateVerdict.BackToLow, verdicts[^1]);
        Assert.False(_test.HoldsRate);
    }

    [Fact]
    public void ShareRises_AfterRejectionsSaidNothing_BackToLow()
    {
        TryMore(every: 10);
        for (int i = 0; i < 20; i++)
        {
            Reject(calls: 10, rate: 100, seconds: 1);
        }

        RateVerdict[] verdicts = [.. Enumerable.Range(0, 12).Select(_ => Reject(calls: 2, rate: 100, seconds: 0.1))];

        Assert.Contains(RateVerdict.BackToLow, verdicts);
    }

    [Fact]
    public void TrialFailed_NextOneIsHalfAMinuteLater_ThenAMinute()
    {
        List<double> trials = [];
        TryMore(every: 10);
        bool isTrial = true;
        for (int i = 0; i < 4000; i++)
        {
            RateVerdict verdict = Reject(isTrial ? 2 : 10, rate: isTrial ? 100 : 70, seconds: 0.1);
            isTrial = verdict == RateVerdict.TryMore || (isTrial && verdict == RateVerdict.Hold);
            if (verdict == RateVerdict.TryMore)
            {
                trials.Add(_time.GetElapsedTime(Clocks.Start.UtcTicks, _now).TotalSeconds);
            }
        }

        Assert.InRange(trials[0], 30, 33);
        Assert.InRange(trials[1] - trials[0], 60, 63);
        Assert.InRange(trials[2] - trials[1], 120, 123);
    }

    [Fact]
    public void CallsOfTheFirstGuess_RejectedLate_LowerTheRateToTry()
    {
        _test.Rejected(_now - 1);
        _test.Rejected(_now - 1);

        Assert.Equal(First - 2, _test.Top);
    }

    [Fact]
    public void CallsOfTheFirstGuess_AllRejectedLate_OneIsLeft()
    {
        for (int i = 0; i < 500; i++)
        {
            _test.Rejected(_now - 1);
        }

        Assert.Equal(1, _test.Top);
    }

    private void TryMore(int every)
    {
        Reject(every, rate: 75);
        RateVerdict verdict = RateVerdict.Cut;
        for (int i = 0; i < 4 && verdict != RateVerdict.TryMore; i++)
        {
            verdict = Reject(every, rate: 70);
        }

        Assert.Equal(RateVerdict.TryMore, verdict);
    }

    /// <summary>One process tries the higher rate, another one finds that it was wrong, and the first one waits as well.</summary>
    [Fact]
    public void AllTestTogether_WhoeverJudges()
    {
        TryMore(every: 10);
        RateTest other = new(_time);
        other.Adopt(_test.Write(Pace, _now), _now);
        Assert.True(other.HoldsRate);
        for (int i = 0; i < 4; i++)
        {
            other.Took();
            other.Rejected(_now);
        }

        Assert.Equal(RateVerdict.BackToLow, other.Judge(_now, 100, 100, cameBack: false));
        Assert.Equal(70, other.Low);

        PermitPace told = other.Write(Pace, _now);
        Assert.Equal((1, TimeSpan.FromSeconds(30)), (told.TestFailed, told.TestAgain));
        _test.Adopt(told, _now);
        Assert.All(Enumerable.Range(0, 8), _ => Assert.Equal(RateVerdict.Cut, Reject(calls: 1, rate: 70)));
        Assert.Equal(RateVerdict.TryMore, Reject(calls: 1, rate: 70, seconds: 31));
    }

    /// <summary>Each process tells the rejections that it has met in this phase, once, and none of an earlier one.</summary>
    [Fact]
    public void Rejections_AreToldOnce_AndOfThisPhaseAlone()
    {
        long before = _now - 1;
        _test.Rejected(_now);
        _test.Rejected(_now);
        Assert.Equal(2, _test.Tell());
        _test.Rejected(_now);
        _test.Told();
        Assert.Equal(1, _test.Tell());

        _test.Adopt(Pace with { TestPhase = 1, TestTop = 100 }, _now);
        Assert.Equal(0, _test.Tell());
        _test.Rejected(before);
        Assert.Equal(0, _test.Tell());
        _test.Rejected(_now);
        _test.Adopt(Pace with { TestPhase = 1, TestTop = 100, TestCalls = 9, TestRejected = 3 }, _now);
        Assert.Equal(1, _test.Tell());
    }

    private static PermitPace Pace => new() { Version = 1, PerSecond = 100, Plateau = 100, Back = TimeSpan.FromSeconds(1) };

    /// <summary>So many calls go, and the last is rejected.</summary>
    private RateVerdict Reject(int calls, double rate, double seconds = 0)
    {
        _now += (long)(seconds * TimeSpan.TicksPerSecond);
        for (int i = 0; i < calls; i++)
        {
            _test.Took();
        }

        _test.Rejected(_now);
        return _test.Judge(_now, rate, rate, cameBack: false);
    }
}
