using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Why = AzureOpenAI.RoundRobin.Balancing.Refusal;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

/// <summary>Which calls wait, which are refused, and in which order they are released. Pauses are in <see cref="AdmissionPauseTests"/>.</summary>
public class AdmissionTests
{
    private readonly BalancerParts _parts = new(["ab"]);

    private WaitQueue Queue => _parts.Picker.Queue;

    [Theory]
    [InlineData(long.MaxValue, false)]
    [InlineData(1, false)]
    [InlineData(0, true)]
    public void IsFirst_CallsAreQueued_OnlyWithATicketBeforeTheHead(long ticket, bool expected)
    {
        PickRequest request = _parts.Request();
        request.Ticket = ticket;
        Assert.True(Admission.IsFirst(request));

        _parts.Enqueue();

        Assert.Equal(expected, Admission.IsFirst(request));
    }

    [Fact]
    public void Refuse_NothingIsStated_MayWait()
    {
        _parts.Eject('a', OutcomeKind.Unreachable);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 100);

        Assert.Null(RefusalWith(patience: 1));
    }

    [Theory]
    [InlineData(30, null)]
    [InlineData(29.9, 30)]
    public void Refuse_SoonestStatedTime_IsBeyondPatience(double patience, int? expected)
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 40);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 30);

        Assert.Equal(expected, RefusalWith(patience)?.ReadyIn?.TotalSeconds);
    }

    [Fact]
    public void Refuse_NoPatience_NeverWaits()
    {
        PickResult refusal = Assert.NotNull(RefusalWith(patience: 0));

        Assert.Equal((PickKind.Refused, Why.BeyondPatience, null), (refusal.Kind, refusal.Refusal, refusal.ReadyIn));
    }

    [Fact]
    public void Refuse_MisconfiguredEndpoint_IsNotWaitedFor()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 30);

        Assert.Equal(30, RefusalWith(patience: 20)?.ReadyIn?.TotalSeconds);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    public void Refuse_QueueIsTooLong_RefusesNewcomersOnly(double at)
    {
        QueueOfKnownPaces(at);
        Assert.Equal(2, RefusalWith(patience: 2.1)!.Value.ReadyIn!.Value.TotalSeconds, 0.001);
        Assert.Null(RefusalWith(patience: 2.11));

        PickRequest returned = _parts.Request(patience: 1.5);
        returned.Ticket = 1;

        Assert.Null(_parts.Admission.Refuse(returned, _parts.Now));
    }

    [Theory]
    [InlineData(3, long.MaxValue, null)]
    [InlineData(2, long.MaxValue, "QueueFull")]
    [InlineData(2, 1, null)]
    [InlineData(0, long.MaxValue, "QueueFull")]
    public void Refuse_QueueIsFull_RefusesNewcomersOnly(int maxWaiting, long ticket, string? expected)
    {
        _parts.Enqueue();
        _parts.Enqueue();

        PickRequest request = new(_parts.Picker) { Patience = TimeSpan.FromSeconds(60), MaxWaiting = maxWaiting, Ticket = ticket };

        Assert.Equal(expected, _parts.Admission.Refuse(request, _parts.Now)?.Refusal.ToString());
    }

    [Fact]
    public void Enqueue_Newcomers_StandInTheirOrder()
    {
        Waiter first = _parts.Enqueue(_parts.Request(patience: 5));
        Waiter second = _parts.Enqueue(_parts.Request(patience: 6));

        Assert.Equal((first, 2), (Queue.Head, Queue.Length));
        Assert.Equal((first.Ticket, second.Ticket), (first.Request.Ticket, second.Request.Ticket));
        Assert.True(first.Ticket < second.Ticket);
        Assert.Equal((_parts.In(5), _parts.In(6)), (first.Deadline, second.Deadline));
    }

    [Fact]
    public void Enqueue_ReleasedAndFailed_ComesBackToItsPlace()
    {
        Waiter first = _parts.Enqueue();
        _parts.Enqueue();
        Queue.Remove(first);

        Waiter again = _parts.Enqueue(first.Request);

        Assert.Equal((again, first.Ticket), (Queue.Head, again.Ticket));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Enqueue_ReleasedAndFailed_TakesBackThePaceThatItMade(bool madePace)
    {
        Waiter first = _parts.Enqueue();
        _parts.Enqueue();
        Queue.Remove(first);
        Queue.CountReleased(_parts.Now);
        first.Request.MadePace = madePace;

        _parts.Enqueue(first.Request);

        _parts.Pass(10);
        Assert.Equal(madePace, Queue.EstimateWait(_parts.Now) is null);
    }

    [Fact]
    public void Release_EndpointsTakeTwo_AreTheFirstTwo()
    {
        Waiter[] waiters = [_parts.Enqueue(), _parts.Enqueue(), _parts.Enqueue()];
        List<PickRequest> asked = [];

        Admission.Release(_parts.Picker, Take, _parts.Now);

        Assert.Equal([waiters[0].Request, waiters[1].Request, waiters[2].Request], asked);
        Assert.Equal((waiters[2], 1), (Queue.Head, Queue.Length));
        Assert.All(waiters[..2], static waiter => Assert.Equal("a", BalancerParts.ReleasedTo(waiter)?.Endpoint.Name));
        Assert.Equal((true, true, false), (waiters[0].Request.MadePace, waiters[1].Request.MadePace, waiters[2].IsOver));

        Attempt? Take(PickRequest request, long now)
        {
            asked.Add(request);
            return asked.Count <= 2 ? _parts.Begin('a') : null;
        }
    }

    [Theory]
    [InlineData("RateLimited", true)]
    [InlineData("TimedOut", false)]
    public void Release_ToAProbe_MakesPaceAfterARejectionOnly(string reason, bool makesPace)
    {
        _parts.EjectAndProbe('a', Enum.Parse<OutcomeKind>(reason));
        Waiter waiter = _parts.Enqueue();
        _parts.Enqueue();

        Admission.Release(_parts.Picker, (request, _) => request == waiter.Request ? _parts.Begin('a') : null, _parts.Now);

        Assert.Equal(makesPace, waiter.Request.MadePace);
        _parts.Pass(10);
        Assert.Equal(makesPace, Queue.EstimateWait(_parts.Now) is not null);
    }

    [Fact]
    public void Release_TimeIsStated_DismissesThoseThatCannotWaitForIt()
    {
        Waiter patient = _parts.Enqueue(_parts.Request(patience: 30));
        Waiter impatient = _parts.Enqueue(_parts.Request(patience: 29.9));
        _parts.Eject('a', OutcomeKind.RateLimited, hint: 30);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 40);

        Admission.Release(_parts.Picker, static (_, _) => null, _parts.Now);

        Assert.Equal((patient, 1), (Queue.Head, Queue.Length));
        Assert.Null(BalancerParts.ReleasedTo(impatient));
    }

    [Fact]
    public void Release_NoTimeIsStated_AllStay()
    {
        _parts.Enqueue(_parts.Request(patience: 1));
        _parts.Eject('a', OutcomeKind.Unreachable);
        _parts.Eject('b', OutcomeKind.Unreachable);
        _parts.Pass(2);

        Admission.Release(_parts.Picker, static (_, _) => null, _parts.Now);

        Assert.Equal(1, Queue.Length);
    }

    [Fact]
    public void Release_EmptyQueue_AsksNobody() => Admission.Release(_parts.Picker, static (_, _) => throw new InvalidOperationException(), _parts.Now);

    [Fact]
    public void Dismiss_PickerThatHasLeft_SendsAllAway()
    {
        Waiter[] waiters = [_parts.Enqueue(), _parts.Enqueue()];

        Admission.Dismiss(_parts.Picker, long.MaxValue);

        Assert.Equal(0, Queue.Length);
        Assert.All(waiters, static waiter => Assert.Null(BalancerParts.ReleasedTo(waiter)));
    }

    [Fact]
    public void Dismissed_NoEndpointIsLeft_IsGone()
    {
        _parts.Picker.Become([], hasHomes: false);

        Assert.Equal(Why.Gone, _parts.Admission.Dismissed(_parts.Picker, _parts.Now).Refusal);
    }

    [Fact]
    public void Dismissed_AllAreMisconfigured_SaysSo()
    {
        _parts.Eject('a', OutcomeKind.CredentialRefused);
        _parts.Eject('b', OutcomeKind.CredentialRefused);

        Assert.Equal(Why.Misconfigured, _parts.Admission.Dismissed(_parts.Picker, _parts.Now).Refusal);
    }

    [Theory]
    [InlineData(5.0)]
    [InlineData(null)]
    public void Dismissed_SoonestStatedTime_IsWhenOneIsReady(double? hint)
    {
        _parts.Eject('a', OutcomeKind.RateLimited, hint);
        _parts.Eject('b', OutcomeKind.RateLimited, hint: 9);

        PickResult result = _parts.Admission.Dismissed(_parts.Picker, _parts.Now);

        Assert.Equal((PickKind.Refused, Why.BeyondPatience, hint), (result.Kind, result.Refusal, result.ReadyIn?.TotalSeconds));
    }

    private PickResult? RefusalWith(double patience) => _parts.Admission.Refuse(_parts.Request(patience), _parts.Now);

    /// <summary>Nine calls wait for two endpoints that take three a second each, from half a second on.</summary>
    private void QueueOfKnownPaces(double at)
    {
        for (int i = 0; i < 9; i++)
        {
            _parts.Enqueue();
        }

        _parts.Pass(at);
        _parts.LearnPace('a');
        _parts.LearnPace('b');
    }
}
