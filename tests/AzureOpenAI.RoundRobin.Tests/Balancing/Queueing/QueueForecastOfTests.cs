using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

/// <summary>The forecast by itself, of paces that are known. What newcomers are told of it through a pool is in Rules/QueueForecastTests.</summary>
public class QueueForecastOfTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private double? Forecast => new QueueForecast(_parts.Time).Of(_parts.Picker, _parts.Now)?.TotalSeconds;

    [Fact]
    public void Of_FirstRejectionOnly_IsNull()
    {
        foreach (char name in "ab")
        {
            _parts[name].Capacity.Rejected(_parts.Now, _parts.Now, TimeSpan.FromSeconds(1), taken: 10);
        }

        // The rate is a guess, and may be far off.
        Assert.Null(Forecast);
    }

    [Fact]
    public void Of_NothingIsKnown_IsNull()
    {
        Queue(5);

        Assert.Null(Forecast);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(5, 1)]
    [InlineData(10, 2)]
    [InlineData(99, 19.8)]
    public void Of_AllPacesAreKnown_IsTheQueueOverTheirSum(int queued, double expected)
    {
        Learn(a: (2, 0.1), b: (3, 0.1));
        _parts.Pass(0.1);
        Queue(queued);

        Assert.Equal(expected, Forecast!.Value, 0.001);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1.5)]
    [InlineData(4, 3)]
    [InlineData(5, 3.2)]
    [InlineData(9, 4)]
    public void Of_EndpointsInPauses_IsFromTheEndOfEach(int queued, double expected)
    {
        // Two a second from the first second on, three more from the third.
        Learn(a: (2, 0.999), b: (3, 2.999));
        Queue(queued);

        Assert.Equal(expected, Forecast!.Value, 0.002);
    }

    [Theory]
    [InlineData(3.0)]
    [InlineData(0.05)]
    public void Of_UnavailableAfterARejection_IsFromTheEndOfItsPause(double pause)
    {
        Learn(a: (2, 0.1), b: (2, 0.1));
        _parts.Pass(0.1);
        foreach (char name in "ab")
        {
            _parts.TakeTwo(name);
        }

        foreach (char name in "ab")
        {
            _parts.Fail(name, OutcomeKind.RateLimited, pause);
        }

        Assert.Equal(pause, Forecast!.Value, 0.001);
        Queue(1);

        double perSecond = _parts['a'].Capacity.PerSecond!.Value + _parts['b'].Capacity.PerSecond!.Value;
        Assert.Equal(pause + (1 / perSecond), Forecast!.Value, 0.001);
    }

    [Fact]
    public void Of_OneIsMisconfigured_IsThatOfTheOthers()
    {
        _parts.LearnPace('a', perSecond: 2, pause: 0.1);
        _parts.Pass(0.1);
        _parts.Eject('b', OutcomeKind.CredentialRefused);
        Queue(6);

        Assert.Equal(3, Forecast!.Value, 0.001);
    }

    [Fact]
    public void Of_AllAreMisconfigured_IsNull()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.MissingDeployment);

        Assert.Null(Forecast);
    }

    [Theory]
    [InlineData("Unreachable")]
    [InlineData("MissingDeployment")]
    [InlineData("TimedOut")]
    public void Of_OneIsUnavailableForSomethingElse_IsThePaceOfTheQueue(string reason)
    {
        Learn(a: (2, 0.1), b: (3, 0.1));
        Queue(5);
        _parts.Pass(0.1);
        _parts.Eject('b', Enum.Parse<OutcomeKind>(reason));

        // A misconfigured one takes no call at all, so it is left out. Of the others nobody can tell.
        Assert.Equal(reason == "MissingDeployment", Forecast is not null);
    }

    [Fact]
    public void Of_OneIsRecovering_IsThePaceOfTheQueue()
    {
        Learn(a: (2, 0.1), b: (3, 0.1));
        _parts.EjectAndRecover('b', OutcomeKind.TimedOut);
        Queue(5);

        Assert.Null(Forecast);
    }

    [Fact]
    public void Of_PacesAreNotKnown_IsThePaceOfTheQueue()
    {
        Queue(5);
        _parts.Picker.Queue.CountReleased(_parts.Now);
        _parts.Pass(10);
        _parts.Picker.Queue.CountReleased(_parts.Now);

        Assert.Equal(_parts.Picker.Queue.EstimateWait(_parts.Now)?.TotalSeconds, Forecast);
        Assert.Equal(30, Forecast);
    }

    [Fact]
    public void Of_ConfiguredLimits_AreForeseeableWhileHealthy()
    {
        BalancerParts parts = new(["ab"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        for (int i = 0; i < 3; i++)
        {
            parts.Enqueue();
        }

        Assert.Equal(1.5, new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now)!.Value.TotalSeconds, 0.001);
        foreach (char name in "ab")
        {
            parts[name].Capacity.Charge(0, parts.Now);
        }

        Assert.Equal(2.5, new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now)!.Value.TotalSeconds, 0.001);
    }

    [Theory]
    [InlineData(0.5, 2)]
    [InlineData(3, 1)]
    public void Of_ConfiguredAndLearned_IsTheLowerOne(double learned, double expected)
    {
        BalancerParts parts = new(["a"], setup: static (_, setup) => setup with { RequestsPerMinute = 60 });
        parts.LearnPace('a', learned, pause: 0.1);
        parts.Pass(0.1);
        parts.Enqueue();

        Assert.Equal(expected, new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now)!.Value.TotalSeconds, 0.001);
    }

    [Fact]
    public void Of_ConfiguredLimitOfOneOnly_IsThePaceOfTheQueue()
    {
        BalancerParts parts = new(["ab"], setup: static (name, setup) => setup with { RequestsPerMinute = name == 'a' ? 60 : null });
        parts.Enqueue();

        Assert.Null(new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now));
    }

    [Fact]
    public void Of_ConfiguredTokenLimit_IsThePaceOfTheQueue()
    {
        BalancerParts parts = new(["a"], setup: static (_, setup) => setup with { RequestsPerMinute = 60, TokensPerMinute = 1000 });
        parts.Enqueue();

        Assert.Null(new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now));
    }

    [Fact]
    public void Of_MoreThanADayOfCalls_IsADay()
    {
        BalancerParts parts = new(["a"], setup: static (_, setup) => setup with { RequestsPerMinute = 1 });
        for (int i = 0; i < 1441; i++)
        {
            parts.Enqueue();
        }

        Assert.Equal(TimeSpan.FromDays(1), new QueueForecast(_parts.Time).Of(parts.Picker, parts.Now));
    }

    private void Queue(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _parts.Enqueue();
        }
    }

    /// <summary>Both are healthy, each with a pace, from the end of its pause on.</summary>
    private void Learn((double PerSecond, double Pause) a, (double PerSecond, double Pause) b)
    {
        _parts.LearnPace('a', a.PerSecond, a.Pause);
        _parts.LearnPace('b', b.PerSecond, b.Pause);
    }
}
