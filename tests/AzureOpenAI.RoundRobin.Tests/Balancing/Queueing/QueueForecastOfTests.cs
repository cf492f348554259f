using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

/// <summary>The forecast by itself, of windows that are known. What newcomers are told of it through a pool is in Rules/QueueForecastTests.</summary>
public class QueueForecastOfTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private double? Forecast => QueueForecast.Of(_parts.Picker, _parts.Now)?.TotalSeconds;

    [Fact]
    public void Of_NothingIsKnown_IsNull()
    {
        Queue(5);

        Assert.Null(Forecast);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(9, 2)]
    [InlineData(10, 3)]
    public void Of_AllWindowsAreKnown_IsTheWindowThatTakesTheCall(int queued, int expected)
    {
        // Six calls a window, less a look above the limit at each.
        Shut("ab");
        Queue(queued);

        Assert.InRange(Forecast!.Value, expected, expected + 0.011);
    }

    [Fact]
    public void Of_OneIsMisconfigured_IsThatOfTheOthers()
    {
        Shut("a");
        _parts.Eject('b', OutcomeKind.CredentialRefused);
        Queue(5);

        Assert.InRange(Forecast!.Value, 3, 3.011);
    }

    [Theory]
    [InlineData("Unreachable")]
    [InlineData("MissingDeployment")]
    [InlineData("TimedOut")]
    public void Of_OneIsUnavailableForSomethingElse_IsThePaceOfTheQueue(string reason)
    {
        Shut("ab");
        Queue(5);
        _parts.Pass(0.1);
        _parts.Eject('b', Enum.Parse<OutcomeKind>(reason));

        // A misconfigured one takes no call at all, so it is left out. Of the others nobody can tell.
        Assert.Equal(reason == "MissingDeployment", Forecast is not null);
    }

    [Fact]
    public void Of_WindowsAreNotKnown_IsThePaceOfTheQueue()
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
        for (int i = 0; i < 4; i++)
        {
            parts.Enqueue();
        }

        // Two calls now, and two a second.
        Assert.InRange(QueueForecast.Of(parts.Picker, parts.Now)!.Value.TotalSeconds, 2, 2.011);
    }

    [Fact]
    public void Of_ConfiguredLimitOfOneOnly_IsThePaceOfTheQueue()
    {
        BalancerParts parts = new(["ab"], setup: static (name, setup) => setup with { RequestsPerMinute = name == 'a' ? 60 : null });
        parts.Enqueue();

        Assert.Null(QueueForecast.Of(parts.Picker, parts.Now));
    }

    [Fact]
    public void Of_MoreThanAnHourOfCalls_IsThePaceOfTheQueue()
    {
        BalancerParts parts = new(["a"], setup: static (_, setup) => setup with { RequestsPerMinute = 1 });
        for (int i = 0; i < 61; i++)
        {
            parts.Enqueue();
        }

        Assert.Null(QueueForecast.Of(parts.Picker, parts.Now));
    }

    private void Queue(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _parts.Enqueue();
        }
    }

    /// <summary>Their windows are known, of three calls a second each, and open in a second.</summary>
    private void Shut(string names)
    {
        foreach (char name in names)
        {
            _parts.LearnWindow(name);
        }

        foreach (char name in names)
        {
            _parts.Eject(name, OutcomeKind.RateLimited);
        }
    }
}
