using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

/// <summary>Which endpoints have stalled, of attempts and answers that are given by hand. The statistics are in <see cref="StallTestTests"/>.</summary>
public class StallDetectorTests
{
    private readonly BalancerParts _parts = new(["ab", "c"]);
    private readonly StallDetector _detector;

    public StallDetectorTests() => _detector = new(_parts.InFlight, _parts.Time);

    private uint Latest => _parts.Members.CallsBegun();

    [Fact]
    public void HasSuspect_FewCallsWait_ForgetsThatThereMayBeAny()
    {
        Wait('a', 2);
        _parts.InFlight.NoteMayHaveStall();

        Assert.False(_detector.HasSuspect(_parts.Members));

        Assert.False(_parts.InFlight.MayHaveStall);
    }

    [Fact]
    public void HasSuspect_CallsWaitAndItHasAnsweredOfLate_IsFalseAndStaysNoted()
    {
        Wait('a', 3);
        _parts['a'].ResponseTimes.Progressed(Latest);

        Assert.False(_detector.HasSuspect(_parts.Members));

        Assert.True(_parts.InFlight.MayHaveStall);
    }

    [Fact]
    public void HasSuspect_CallsWaitAndItHasAnsweredNothing_IsTrue()
    {
        Wait('b', 3);

        Assert.True(_detector.HasSuspect(_parts.Members));
    }

    [Theory]
    [InlineData(0.24, false)]
    [InlineData(0.25, true)]
    public void HasSuspect_ItHasAnsweredACallThatBeganOfLate_IsFalse(double seconds, bool expected)
    {
        _parts['b'].ResponseTimes.Answered(Latest, TimeSpan.FromSeconds(0.01), _parts.Now);
        Wait('b', 30);
        _parts.Pass(seconds);

        Assert.Equal(expected, _detector.HasSuspect(_parts.Members));
    }

    [Theory]
    [InlineData(0.24, 0)]
    [InlineData(0.25, 1)]
    public void Look_CallsHaveWaitedLessThanTheLeast_HasNot(double seconds, int expected)
    {
        Wait('a', 6);
        _parts.Pass(seconds);
        Answer('b', 100);

        Assert.Equal(expected, Look().Count);
    }

    [Fact]
    public void Look_OthersAnswerWhatBeganLater_HasStalled()
    {
        _parts['a'].ResponseTimes.Progressed(Latest);
        Wait('a', 1);
        _parts.Pass(1);
        Attempt[] waiting = Wait('a', 4);
        _parts.Pass(2);
        Answer('b', 100);

        Stall stall = Assert.Single(Look());

        Assert.Equal((_parts['a'], TimeSpan.FromSeconds(3), waiting[1].Number), (stall.Endpoint, stall.Waited, stall.MiddleCall));
        Assert.Equal(EndpointState.Healthy, _parts['a'].Health.State);
    }

    [Fact]
    public void Look_OthersHaveAnsweredTooLittle_HasNot()
    {
        Wait('a', 6);
        _parts.Pass(1);
        Answer('b', 19);
        Assert.Empty(Look());

        Answer('b', 1);
        Assert.Single(Look());
    }

    /// <summary>Where ten thousands of calls are in flight, they are not all looked at for each answer.</summary>
    [Fact]
    public void Look_ALookTookLong_IsMadeAgainAfterTenTimesAsLong()
    {
        Wait('a', 6);
        _parts.Pass(0.22);
        Answer('b', 100);
        _parts.Time.AutoAdvanceAmount = TimeSpan.FromMilliseconds(5);
        Assert.Empty(Look());
        _parts.Time.AutoAdvanceAmount = TimeSpan.Zero;
        Assert.False(_detector.HasSuspect(_parts.Members));
        _parts.Pass(0.03);
        Assert.Empty(Look());

        _parts.Pass(0.01);

        Assert.True(_detector.HasSuspect(_parts.Members));
        Assert.Single(Look());
    }

    [Fact]
    public void Look_CallsOfOthersWaitAsWell_HasNot()
    {
        Wait('a', 6);
        Wait('b', 100);
        Answer('b', 20);

        Assert.Empty(Look());
    }

    [Fact]
    public void Look_CallsAtAnEndpointOfAnotherModel_SayNothing()
    {
        Wait('a', 6);
        Wait('c', 100);
        _parts.Pass(1);
        Answer('b', 20);

        Assert.Single(Look());
    }

    [Theory]
    [InlineData("Unavailable")]
    [InlineData("Probing")]
    public void Look_NotAvailable_IsNotLookedAt(string state)
    {
        Wait('a', 5);
        Answer('b', 100);
        if (state == "Probing")
        {
            _parts.EjectAndProbe('a', OutcomeKind.RateLimited);
        }
        else
        {
            _parts.Eject('a', OutcomeKind.RateLimited);
        }

        Assert.Empty(Look());
    }

    [Fact]
    public void Look_AnsweredOrSynchronousAttempts_DoNotWait()
    {
        foreach (Attempt attempt in Wait('a', 3))
        {
            attempt.IsAnswered = true;
        }

        foreach (Attempt attempt in Wait('a', 3))
        {
            attempt.StartedAt = 0;
        }

        Wait('a', 2);
        Answer('b', 100);

        Assert.Empty(Look());
    }

    [Fact]
    public void Look_CallsFromBeforeItsLastSign_DoNotCount()
    {
        Wait('a', 5);
        _parts['a'].ResponseTimes.Progressed(_parts.Picker.Advance());
        Wait('a', 2);
        Answer('b', 100);

        Assert.Empty(Look());
    }

    private IReadOnlyList<Stall> Look() => _detector.Look(_parts.Picker, Latest, _parts.Now);

    private Attempt[] Wait(char name, int count) => [.. Enumerable.Range(0, count).Select(_ =>
    {
        _parts.Picker.Advance();
        return _parts.Begin(name);
    })];

    private void Answer(char name, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _parts.Picker.Advance();
            _parts[name].ResponseTimes.Answered(Latest, TimeSpan.FromSeconds(0.01));
        }
    }
}
