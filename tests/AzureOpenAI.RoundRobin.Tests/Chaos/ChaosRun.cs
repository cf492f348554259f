using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>One seed from its first call to its last: trouble, peace, and what must be true in both.</summary>
internal sealed partial class ChaosRun : IDisposable
{
    private const int StackSize = 16 * 1024 * 1024;
    private const double IdleFor = 3600;

    /// <summary>Each wake of the pool's timer has a reason, and within a second there are not more reasons than that.</summary>
    private const int MostFires = 1000;

    private readonly Dictionary<int, ChaosCall> _calls = [];
    private readonly ChaosEndpoint[] _endpoints;
    private readonly HttpClient? _transport;
    private readonly ChaosClient[]? _clients;
    private readonly ChaosConfiguration _configuration;
    private readonly ChaosCaller _caller;
    private readonly ulong _seed;
    private readonly ChaosLog _log;
    private readonly List<ChaosCall> _givenUp = [];
    private readonly List<object> _dropped = [];
    private Thread? _driver;
    private int _nextCall;
    private int _released;
    private int _reach;

    public ChaosRun(ulong seed, bool keepsTrace = false)
    {
        _seed = seed;
        Plan = new ChaosPlan(new ChaosDraw(seed));
        Draw = new ChaosDraw(~seed);
        Time = new ChaosTime(new ChaosDraw(seed ^ 0x5555555555555555));
        Record = new ChaosRecord(Time) { KeepsTrace = keepsTrace };
        Turns = new ChaosTurns(this);
        Conversations = new ChaosConversations(this);
        _endpoints = [.. Plan.Endpoints.Select((plan, i) => new ChaosEndpoint(this, i, plan))];
        _transport = Plan.IsBuilt ? new HttpClient(new ChaosTransport(this, _endpoints)) { Timeout = Timeout.InfiniteTimeSpan } : null;
        _clients = Plan.IsBuilt ? null : [.. _endpoints.Select(endpoint => new ChaosClient(this, endpoint))];
        IEnumerable<ChaosGenerator>? generators = Plan.Members == ChaosMembers.ReadyMadeGenerators ? _endpoints.Select(endpoint => new ChaosGenerator(this, endpoint)) : null;
        _configuration = new ChaosConfiguration(Plan.Way, Plan.Options(_clients, _transport), generators);
        ChaosDraw jitter = new(seed + 1);
        Pool = new EndpointPool(_configuration.First, _log = new ChaosLog(this), timeProvider: Time, released: () => _released++, start: (uint)Draw.Below(int.MaxValue), jitter: jitter.Unit, resume: Time.Line.Release);
        _configuration.Follow(Pool);
        _caller = new ChaosCaller(this);
    }

    public ChaosPlan Plan { get; }

    public ChaosDraw Draw { get; }

    public ChaosTime Time { get; }

    public EndpointPool Pool { get; }

    public ChaosRecord Record { get; }

    public ChaosTurns Turns { get; }

    public ChaosConversations Conversations { get; }

    public IReadOnlyList<ChaosEndpoint> Endpoints => _endpoints;

    /// <summary>All trouble is over.</summary>
    public bool IsHealing { get; private set; }

    /// <summary>And everybody is well again.</summary>
    public bool IsHealed { get; private set; }

    public bool IsDisposed { get; private set; }

    public bool IsDriver => Thread.CurrentThread == _driver;

    public static ChaosResult Of(ulong seed, bool keepsTrace = false)
    {
        using ChaosRun run = new(seed, keepsTrace);
        return run.Run();
    }

    public ChaosCall Find(string prompt) => _calls[int.Parse(prompt.Split(' ')[1], CultureInfo.InvariantCulture)];

    public static ChatOptions? OptionsOf(ChaosCall call) =>
        call.Model.Length == 0 && call.Conversation is null ? null : new() { ModelId = call.Model.Length == 0 ? null : call.Model, ConversationId = call.Conversation };

    /// <summary>What must be true of a call, or it is told.</summary>
    public void Check(bool holds, ChaosCall call, string otherwise)
    {
        if (!holds)
        {
            Record.Report($"{call} {otherwise}.");
        }
    }

    public void Ended(ChaosCall call, string how)
    {
        call.EndedAt = Time.Seconds;
        _calls.Remove(call.Id);
        Record.Ended(call, how);
    }

    public void GiveUp(ChaosCall call)
    {
        call.GaveUpAt ??= Time.Seconds;
        _givenUp.Add(call);
    }

    /// <summary>A caller has left its stream without disposing of it. It is collected when all is over, so that a seed replays exactly.</summary>
    public void Drop(ChaosCall call, object stream)
    {
        _dropped.Add(stream);
        Record.Count("Dropped");
        call.Attempts.ForEach(attempt => _endpoints[attempt.Endpoint].Leave(attempt));
    }

    /// <summary>
    /// A healthy endpoint with room that the call may ask and has not; null where there is none, where it may have another configuration by now, or where others wait, whom
    /// it would overtake.
    /// </summary>
    public string? Untried(ChaosCall call) => IsDisposed || call.Picker!.Queue.Length > 0 || Pool.Routes.LoopFor(OptionsOf(call)).Picker != call.Picker ? null : Array.Find(
        call.Picker.Endpoints,
        endpoint => endpoint.Health.IsHealthy && endpoint.HasRoom(Time.GetTimestamp()) && !endpoint.Capacity.HasTokenLimit && !call.Attempts.Exists(attempt => NameOf(attempt) == endpoint.Name)) is { } untried ? Describe(untried) : null;

    /// <summary>A generator bears no name of its own.</summary>
    private string NameOf(ChaosAttempt attempt) =>
        Plan.Members == ChaosMembers.ReadyMadeGenerators ? string.Create(CultureInfo.InvariantCulture, $"client-{attempt.Endpoint + 1}") : _endpoints[attempt.Endpoint].Name;

    public void Dispose()
    {
        _caller.Dispose();
        Pool.Dispose();
        _configuration.Dispose();
        _transport?.Dispose();
        _log.Dispose();
    }

    /// <summary>On a thread of its own, with no context, so that all that is awaited goes on right there.</summary>
    private ChaosResult Run()
    {
        long began = Stopwatch.GetTimestamp();
        _driver = new(Drive, StackSize) { IsBackground = true };
        _driver.Start();
        _driver.Join();
        Record.Count("Spilled", Turns.Spilled);
        return new ChaosResult(_seed, _nextCall, Time.Seconds / 60, Time.PoolFires.All, Time.PoolFires.InASecond, _reach, Record, Stopwatch.GetElapsedTime(began));
    }

    private void Drive()
    {
        try
        {
            Task life = LiveAsync();
            Settle();
            while (!life.IsCompleted)
            {
                if (!Time.TryAdvance())
                {
                    throw new ChaosException($"Nothing will happen any more, and these wait: {string.Join("; ", _calls.Values)}.");
                }

                Settle();
            }

            life.GetAwaiter().GetResult();
        }
#pragma warning disable CA1031 // Whatever it is, the seed must be told with it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Record.Report(exception is ChaosException ? exception.Message : exception.ToString());
        }
    }

    /// <summary>Until nothing goes on any more but with time. Where a pause is cancelled, the runtime goes on elsewhere.</summary>
    private void Settle()
    {
        Time.Line.Settle(Pool);
        foreach (ChaosCall call in _givenUp.ToArray())
        {
            if (call.EndedAt is null && !call.IsRead)
            {
                call.Home.AwaitArrival();
                call.Home.GoOn();
                Time.Line.Settle(Pool);
            }
        }

        _givenUp.RemoveAll(call => call.EndedAt is not null);
    }

    private async Task LiveAsync()
    {
        List<Task> pending = [];
        pending.AddRange(Plan.Suspensions.Select(suspension => At(suspension.At, () => Time.Suspend(suspension.Seconds))));
        pending.AddRange(Plan.WallJumps.Select(jump => At(jump.At, () => Time.SetWallClock(TimeSpan.FromSeconds(jump.Offset)))));
        pending.AddRange(Plan.Reloads.Select(at => At(at, () => Reload(Draw))));
        pending.AddRange(Plan.Bursts.Select(burst => At(burst.At, () =>
        {
            for (int i = 0; i < burst.Count; i++)
            {
                pending.Add(CallAsync());
            }
        })));
        if (Plan.DisposesEarly)
        {
            pending.Add(At(Draw.Between(0, Plan.Seconds), () =>
            {
                IsDisposed = true;
                Pool.Dispose();
            }));
        }

        while (Time.Seconds < Plan.Seconds)
        {
            await Time.WaitAsync(Draw.Exponential(1 / Plan.PerSecond));
            pending.Add(CallAsync());
        }

        while (pending.Find(task => !task.IsCompleted) is { } task)
        {
            await task;
        }

        // What was on the stack of the last call is collected only when that is unwound.
        await Time.WaitAsync(0.001);
        CheckIdle();
        if (!IsDisposed)
        {
            await HealAsync();
        }

        await Time.WaitAsync(IdleFor);
        long fires = Time.PoolFires.All;
        await Time.WaitAsync(IdleFor);
        if (Time.PoolFires.All > fires)
        {
            Record.Report($"The pool's timer came {Time.PoolFires.All - fires} times while there was nothing to do.");
        }

        _reach = ChaosReach.Count(Pool);
        if (_reach > 1500 + (120 * Pool.Endpoints.Count) + (3 * Conversations.Count))
        {
            Record.Report($"The pool holds on to {_reach} objects for {Pool.Endpoints.Count} deployments.");
        }

        if (Time.PoolFires.InASecond > MostFires)
        {
            Record.Report($"The pool's timer came {Time.PoolFires.InASecond} times in one second.");
        }

        if (Time.Armed is { Length: > 0 } armed)
        {
            Record.Report($"Timers are set while there is nothing to do: {armed}.");
        }

        IsDisposed = true;
        Pool.Dispose();
        await CallAsync();
        if (_released != 1)
        {
            Record.Report($"After its end the pool has let go {_released} times of what it owns.");
        }
    }

    private async Task At(double second, Action befalls)
    {
        await Time.WaitAsync(second);
        befalls();
    }

    private Task CallAsync(bool isPlain = false, string? model = null)
    {
        ChaosCall call = _caller.Draw(_nextCall++, isPlain, model);
        call.Picker = Pool.Routes.LoopFor(OptionsOf(call)).Picker;
        _calls.Add(call.Id, call);
        return _caller.CallAsync(call);
    }
}
