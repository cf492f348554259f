using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Why = AzureOpenAI.RoundRobin.Balancing.Refusal;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

/// <summary>For how long a call pauses that every healthy endpoint has failed.</summary>
public class AdmissionPauseTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    [Fact]
    public void Pause_AllHealthyHaveFailedTheCall_IsHalfASecondAndThenTwiceAsLong()
    {
        PickRequest request = Tried("ab");

        double[] pauses = [.. Enumerable.Range(0, 5).Select(_ =>
        {
            double pause = Pause(request).Pause.TotalSeconds;
            request.Paused();
            return pause;
        })];

        Assert.Equal([0.5, 1, 2, 4, 4], pauses);
    }

    [Theory]
    [InlineData(0.5, "Pause")]
    [InlineData(0.4, "Refused")]
    public void Pause_LongerThanThePatience_IsRefused(double patience, string kind)
    {
        PickResult result = Pause(Tried("ab", patience));

        Assert.Equal(kind, result.Kind.ToString());
        Assert.True(result.Kind == PickKind.Pause || result.ReadyIn == TimeSpan.FromSeconds(0.5));
    }

    [Theory]
    [InlineData("RateLimited", 0.2, 0.2)]
    [InlineData("RateLimited", 0.7, 0.5)]
    [InlineData("CredentialRefused", 0.2, 0.5)]
    public void Pause_OneThatTheCallHasNotTriedIsReadySooner_EndsWithThat(string reason, double hint, double expected)
    {
        PickRequest request = Tried("a");
        _parts.Eject('b', Enum.Parse<OutcomeKind>(reason), hint);

        Assert.Equal(expected, Pause(request).Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_OneThatTheCallHasTriedIsReadySooner_MakesNoDifference()
    {
        PickRequest request = Tried("ab");
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 0.2);

        Assert.Equal(0.5, Pause(request).Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_OneThatTheCallHasNotTriedIsInAShortPause_EndsWithThat()
    {
        PickRequest request = Tried("a");
        _parts.Fail('b', OutcomeKind.RateLimited, hint: 0.08);
        Assert.Equal(EndpointState.Healthy, _parts['b'].Health.State);

        Assert.Equal(0.08, Pause(request).Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_RequestIsTooLargeAndNoOtherIsThere_IsRefusedAtOnce()
    {
        BalancerParts parts = new(["a"]);
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: true);

        PickResult result = parts.Admission.Pause(parts.Filter(request, retry: true));

        Assert.Equal((PickKind.Refused, Why.BeyondPatience, null), (result.Kind, result.Refusal, result.ReadyIn));
    }

    [Fact]
    public void Pause_RequestIsTooLargeForOneAndAnotherIsAvailable_IsAsForAnyOther()
    {
        PickRequest request = TooLargeFor('a');

        Assert.Equal(0.5, Pause(request).Pause.TotalSeconds);
    }

    [Theory]
    [InlineData("RateLimited", 3.0, 3)]
    [InlineData("Unreachable", null, 1)]
    [InlineData("CredentialRefused", null, null)]
    public void Pause_RequestIsTooLargeForTheOnlyAvailable_WaitsForTheOthers(string reason, double? hint, int? expected)
    {
        PickRequest request = TooLargeFor('a');
        _parts.Eject('b', Enum.Parse<OutcomeKind>(reason), hint);

        PickResult result = Pause(request);

        Assert.Equal(expected is null ? PickKind.Refused : PickKind.Pause, result.Kind);
        Assert.Equal(expected ?? 0, result.Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_RequestIsTooLargeForOneAndAnotherIsAvailable_WaitsForNoneThatTheCallHasTried()
    {
        BalancerParts parts = new(["abc"]);
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: true);
        request.Failed(parts['c'], rejected: true, wouldRepeat: false);
        parts.Eject('c', OutcomeKind.RateLimited, hint: 0.2);

        Assert.Equal(0.5, parts.Admission.Pause(parts.Filter(request, retry: true)).Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_RequestIsTooLargeAndTheTimeOfTheOtherIsUpNow_IsThePauseOfTheCall()
    {
        PickRequest request = TooLargeFor('a');
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 3);
        _parts.Pass(3);

        Assert.Equal(0.5, Pause(request).Pause.TotalSeconds);
    }

    [Fact]
    public void Pause_RequestIsTooLargeAndTheOtherIsReadyJustInTime_WaitsForIt()
    {
        PickRequest request = TooLargeFor('a', patience: 3);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 3);

        Assert.Equal((PickKind.Pause, 3), (Pause(request).Kind, Pause(request).Pause.TotalSeconds));
    }

    [Fact]
    public void Pause_RequestIsTooLargeAndTheOthersAreReadyTooLate_IsRefusedWithTheirTime()
    {
        PickRequest request = TooLargeFor('a', patience: 2);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 3);

        Assert.Equal(3, Pause(request).ReadyIn?.TotalSeconds);
    }

    [Fact]
    public void Pause_RequestIsTooLargeAndAnotherIsProbed_IsThePauseOfTheCall()
    {
        BalancerParts parts = new(["abc"]);
        PickRequest request = parts.Request();
        request.Failed(parts['a'], rejected: true, wouldRepeat: true);
        parts.EjectAndProbe('b', OutcomeKind.RateLimited);
        parts.Begin('b');
        parts.Eject('c', OutcomeKind.RateLimited, hint: 3);

        Assert.Equal(0.5, parts.Admission.Pause(parts.Filter(request, retry: true)).Pause.TotalSeconds);
    }

    private PickResult Pause(PickRequest request) => _parts.Admission.Pause(_parts.Filter(request, retry: true));

    private PickRequest Tried(string names, double patience = 60)
    {
        PickRequest request = _parts.Request(patience);
        foreach (char name in names)
        {
            request.Failed(_parts[name], rejected: false, wouldRepeat: false);
        }

        return request;
    }

    private PickRequest TooLargeFor(char name, double patience = 60)
    {
        PickRequest request = _parts.Request(patience);
        request.Failed(_parts[name], rejected: true, wouldRepeat: true);
        return request;
    }
}
