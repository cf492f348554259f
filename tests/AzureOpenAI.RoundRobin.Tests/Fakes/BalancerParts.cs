using System.Collections.Frozen;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>The parts of a balancer around a few endpoints, without a pool or a timer. Nothing happens here that the test does not ask for.</summary>
/// <remarks>The test's thread holds the balancer's lock from here on: a test with these parts runs on one thread.</remarks>
internal sealed class BalancerParts
{
    private readonly OrderedDictionary<char, Endpoint> _endpoints = [];
    private int _released;

    /// <param name="pickers">The names of each picker's endpoints, a letter each.</param>
    /// <param name="shared">The endpoints that are deployments of one resource; every other has a resource of its own.</param>
    /// <param name="setup">What is different in an endpoint's setup.</param>
    public BalancerParts(string[] pickers, string shared = "", Func<char, EndpointSetup, EndpointSetup>? setup = null)
    {
        Resource ofAll = new("shared", Time, static () => 0);
        foreach (char name in pickers.SelectMany(static names => names).Distinct())
        {
            EndpointSetup plain = new() { Name = name.ToString(), ChatClient = new FakeChatClient(name.ToString()) };
            Resource resource = shared.Contains(name) ? ofAll : new($"resource of {name}", Time, static () => 0);
            Endpoint endpoint = EndpointOf(Time, setup?.Invoke(name, plain) ?? plain, resource);
            endpoint.Seed = name;
            _endpoints.Add(name, endpoint);
        }

        CallCount calls = new();
        Pickers = [.. pickers.Select(_ => new Picker(Time, uint.MaxValue, calls))];
        Dictionary<Picker, Endpoint[]> byPicker = Pickers.Zip(pickers).ToDictionary(static pair => pair.First, pair => pair.Second.Select(name => _endpoints[name]).ToArray());
        OrderedDictionary<Endpoint, EndpointSetup> setups = [];
        foreach (Endpoint endpoint in _endpoints.Values)
        {
            setups.Add(endpoint, endpoint.Setup);
        }

        Members = new(setups, [], byPicker, calls)
        {
            Default = Pickers[0],
            ByModel = FrozenDictionary<string, Picker>.Empty,
            ByOwner = FrozenDictionary<Endpoint, Picker>.Empty,
        };
        Members.Apply();
        Rebuild();
        Log = PoolLog.Of(new LoggerFactory([new FakeLoggerProvider(Logs)]));
        State = new(Members) { HasChanged = false };
        State.Unsettled.Next.At = long.MaxValue;
        State.Lock.Enter();
        InFlight = new(Time, Log, () => Interlocked.Increment(ref _released));
        Permits = new(Time);
        Budget = new(Time);
        Probes = new(Time, Budget, State.CallsBegun);
        Admission = new(Time);
        Outcomes = new(State, Time, InFlight, Permits, Log);
        Selection = new(State, Time, InFlight, Permits, Probes, Admission);
    }

    public FakeTimeProvider Time { get; } = new(Clocks.Start);

    public FakeLogCollector Logs { get; } = new();

    public PoolLog Log { get; }

    public PoolMembers Members { get; }

    public Picker[] Pickers { get; }

    public Picker Picker => Pickers[0];

    public PoolState State { get; }

    public InFlight InFlight { get; }

    public PermitHolders Permits { get; }

    public RetryBudget Budget { get; }

    public ProbeSchedule Probes { get; }

    public Admission Admission { get; }

    public OutcomeWriter Outcomes { get; }

    public Selection Selection { get; }

    public long Now => Time.GetTimestamp();

    /// <summary>How often what the pool owns was released.</summary>
    public int Released => Volatile.Read(ref _released);

    public Endpoint this[char name] => _endpoints[name];

    /// <summary>An endpoint without a pool.</summary>
    public static Endpoint EndpointOf(TimeProvider time, EndpointSetup setup, Resource? resource = null) =>
        new(EndpointKind.ReadyMade, resource ?? new(setup.Name, time, static () => 0), new HealthState(time, static () => 0), deployment: null, setup)
        {
            Capacity = new(time),
            Hints = new(time, null),
        };

    public static AttemptOutcome OutcomeOf(OutcomeKind kind, double? hint = null, int status = 0, bool exhaustsResource = false) =>
        new(kind, new InvalidOperationException(), status, hint is { } seconds ? TimeSpan.FromSeconds(seconds) : null, exhaustsResource: exhaustsResource);

    /// <summary>The attempt that the call was released to, or null if it was sent away.</summary>
    public static Attempt? ReleasedTo(Waiter waiter)
    {
        Assert.True(waiter.IsOver, "The call still waits.");
        return waiter.Result;
    }

    public long In(double seconds) => Time.After(Now, TimeSpan.FromSeconds(seconds));

    public void Pass(double seconds) => Time.Advance(TimeSpan.FromSeconds(seconds));

    public PickRequest Request(double patience = 60, Picker? picker = null, long tokens = 0) =>
        new(picker ?? Picker) { Patience = TimeSpan.FromSeconds(patience), Tokens = new(tokens, 0) };

    public PickFilter Filter(PickRequest? request = null, bool retry = false) => new(request ?? Request(), InFlight, retry, Now);

    /// <summary>Puts a call into the queue.</summary>
    public Waiter Enqueue(PickRequest? request = null)
    {
        request ??= Request();
        State.Unsettled.Queue(request.Picker);
        return Admission.Enqueue(request, Now);
    }

    /// <summary>Builds all rotations from the endpoints' states.</summary>
    public void Rebuild() => Array.ForEach(Pickers, static picker => picker.Rebuild());

    /// <summary>Begins an attempt of the present epoch, with a permit where the endpoint is not healthy.</summary>
    public Attempt Begin(char name)
    {
        Attempt attempt = InFlight.Begin(this[name], State.Epoch);
        attempt.Count(State.CallsBegun());
        attempt.StartedAt = Now;
        attempt.Permit = this[name].Health.Acquire(Now);
        if (attempt.HoldsPermit)
        {
            Permits.Add(attempt);
        }

        return attempt;
    }

    /// <summary>Takes a failure of an attempt of the present epoch, or of an earlier one.</summary>
    public void Fail(char name, OutcomeKind kind, double? hint = null, int? epoch = null, int fingerprint = 1, bool onProbation = false, double took = 0) =>
        Outcomes.Eject(this[name], epoch ?? State.Epoch, OutcomeOf(kind, hint), TimeSpan.FromSeconds(took), fingerprint, onProbation, Now);

    /// <summary>Ejects the endpoint, whatever stands against it.</summary>
    public void Eject(char name, OutcomeKind kind, double? hint = null, double took = 0)
    {
        EndpointHealth health = this[name].Health;
        health.TargetOf(kind).TryEject(OutcomeOf(kind, hint), TimeSpan.FromSeconds(took), onProbation: true, Now, State.NextEpoch());
        Rebuild();
    }

    /// <summary>Ejects the endpoint, and ends its cooldown.</summary>
    public void EjectAndProbe(char name, OutcomeKind kind, double took = 0)
    {
        Eject(name, kind, took: took);
        this[name].Health.TargetOf(kind).BeginProbing();
        Rebuild();
    }

    /// <summary>The same, and it has admitted a call.</summary>
    public void EjectAndRecover(char name, OutcomeKind kind)
    {
        EjectAndProbe(name, kind);
        HealthState health = this[name].Health.TargetOf(kind);
        health.Acquire(Now);
        health.Admit(Now);
        Rebuild();
    }

    /// <summary>Takes the whole budget.</summary>
    public void SpendBudget()
    {
        while (Budget.TryTake(Now, State.CallsBegun()))
        {
        }
    }

    /// <summary>The endpoint has rejected a call, taken two, and rejected one again, for which it has just stated a pause in milliseconds: its pace is known.</summary>
    public void LearnPace(char name, double perSecond = 3, double pause = 0.5)
    {
        EndpointCapacity capacity = this[name].Capacity;
        Assert.False(capacity.HasPace);
        capacity.Rejected(In(-30), In(-30), TimeSpan.FromMilliseconds(1), perSecond / 0.9);
        capacity.Charge(0, In(-20));
        capacity.Charge(0, In(-10));
        capacity.Rejected(Now, Now, TimeSpan.FromSeconds(pause), taken: 0);
        Assert.InRange(capacity.PerSecond!.Value, 0, perSecond + 1e-9);
    }

    /// <summary>Fifteen seconds pass, in which the endpoint takes two calls, later than it might.</summary>
    public void TakeTwo(char name)
    {
        for (int i = 0; i < 2; i++)
        {
            Pass(5);
            this[name].Capacity.Charge(0, Now);
        }

        Pass(5);
    }

    /// <summary>The calls a second at which the endpoint goes after its pause. Takes one of them, later than it might.</summary>
    public double PaceOf(char name)
    {
        EndpointCapacity capacity = this[name].Capacity;
        long late = Time.After(Math.Max(Now, capacity.PausedUntil), TimeSpan.FromSeconds(50));
        capacity.Charge(0, late);
        return 1 / (Time.Until(late, capacity.RoomAt(0, late)).TotalSeconds + 0.002);
    }

    /// <summary>What was logged so far: the event ids.</summary>
    public int[] LoggedIds()
    {
        Log.Write();
        return [.. Logs.GetSnapshot().Select(static record => record.Id.Id)];
    }

    /// <summary>How long the endpoint is unavailable, in seconds.</summary>
    public double UnavailableFor(char name) => Math.Round(Time.Until(Now, this[name].Health.UnavailableUntil).TotalSeconds, 4);
}
