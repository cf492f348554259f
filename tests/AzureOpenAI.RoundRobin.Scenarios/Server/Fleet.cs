using System.Diagnostics;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>One cell's resources in the server process.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string Deployment = "gpt-4o";

    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1);

    private readonly FleetSpec _spec;
    private readonly AzureOpenAISimulator _simulator;
    private readonly FirstLook _clock;
    private readonly CancellationTokenSource _over = new();
    private DateTimeOffset _begunAt;

    private Fleet(FleetSpec spec, AzureOpenAISimulator simulator, FirstLook clock)
    {
        _spec = spec;
        _simulator = simulator;
        _clock = clock;
    }

    public IReadOnlyList<Address> Addresses =>
        [.. _spec.Resources.Select(resource => new Address(resource.Name, _simulator[resource.Name].Endpoint, resource.WrongKey ? "not-the-key" : _simulator[resource.Name].ApiKey))];

    public static async Task<Fleet> StartAsync(FleetSpec spec)
    {
        FirstLook clock = new();
        AzureOpenAISimulator simulator = await AzureOpenAISimulator.StartAsync(options =>
        {
            options.Seed = spec.Seed;
            options.TimeProvider = clock;
            options.Respond(request => Answer.To(request.LastUserText ?? ""));
            foreach (ResourceSpec resource in spec.Resources)
            {
                options.AddResource(resource.Name, configured => Configure(configured, resource));
            }
        });
        Fleet fleet = new(spec, simulator, clock);
        foreach (ResourceSpec resource in spec.Resources.Where(resource => resource.RefusesAt < 0))
        {
            await simulator[resource.Name].StopListeningAsync();
        }

        return fleet;
    }

    /// <summary>Waits for the limiters' next window, so that every run meets them in the same phase, and starts the script.</summary>
    public async Task BeginAsync()
    {
        long elapsed = Stopwatch.GetElapsedTime(_clock.FirstTimestamp).Ticks;
        await Task.Delay(new TimeSpan(Window.Ticks - (elapsed % Window.Ticks)) + TimeSpan.FromMilliseconds(2));
        _begunAt = DateTimeOffset.UtcNow;
        foreach (ResourceSpec resource in _spec.Resources)
        {
            foreach (FaultSpec fault in resource.Faults)
            {
                _simulator[resource.Name].Faults.Add(Build(fault));
            }

            if (resource.RefusesAt is >= 0)
            {
                _ = RefuseAsync(resource);
            }
        }
    }

    public IReadOnlyList<ResourceReport> Report() => [.. _spec.Resources.Select(resource => Report(resource.Name))];

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _simulator.DisposeAsync();
        _over.Dispose();
    }

    private static void Configure(ResourceOptions options, ResourceSpec spec)
    {
        options.Latency = Latency.LogNormal(TimeSpan.FromMilliseconds(spec.MedianMilliseconds), spec.Sigma);
        options.AddDeployment(spec.LacksDeployment ? "another" : Deployment, deployment =>
        {
            deployment.RequestsPerMinute = spec.PerSecond * 60;
            deployment.RequestWindow = Window;
        });
    }

    private static Fault Build(FaultSpec spec)
    {
        Fault fault = spec.Name switch
        {
            FaultName.Status => Fault.Status((int)spec.Value),
            FaultName.Throttle => Fault.Throttle(TimeSpan.FromSeconds(spec.Value)),
            FaultName.NeverAnswer => Fault.NeverAnswer(),
            FaultName.Cut => Fault.CutAfter((int)spec.Value),
            FaultName.End => Fault.EndAfter((int)spec.Value),
            FaultName.ErrorEvent => Fault.ErrorEventAfter((int)spec.Value),
            _ => throw new ArgumentOutOfRangeException(nameof(spec), spec.Name, "Unknown fault."),
        };
        return fault.WithProbability(spec.Probability).During(TimeSpan.FromSeconds(spec.StartsAt), TimeSpan.FromSeconds(spec.LastsFor));
    }

    private async Task RefuseAsync(ResourceSpec spec)
    {
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(spec.RefusesAt!.Value), _over.Token);
            await _simulator[spec.Name].RefuseConnectionsAsync(TimeSpan.FromSeconds(spec.RefusesFor), _over.Token);
        }
        catch (OperationCanceledException)
        {
            // The cell is over.
        }
    }

    private ResourceReport Report(string name)
    {
        LedgerCounts counts = _simulator.Ledger.Count(name);
        List<int> arrivals = [];
        List<int> taken = [];
        foreach (LedgerEntry entry in _simulator.Ledger.Snapshot(name))
        {
            int tenth = Math.Max(0, (int)((entry.ArrivedAt - _begunAt).TotalSeconds * 10));
            while (arrivals.Count <= tenth)
            {
                arrivals.Add(0);
                taken.Add(0);
            }

            arrivals[tenth]++;
            taken[tenth] += entry.Outcome == LedgerOutcome.Answered ? 1 : 0;
        }

        return new ResourceReport(name, counts.Attempts, counts.Answered, counts.Throttled, counts[LedgerOutcome.Refused], counts[LedgerOutcome.Faulted])
        {
            Arrivals = arrivals,
            Taken = taken,
        };
    }

    /// <summary>The system's time, and when the simulator first looked at it: its limiters' windows are counted from there.</summary>
    private sealed class FirstLook : TimeProvider
    {
        private long _first;

        public long FirstTimestamp => Volatile.Read(ref _first);

        public override long GetTimestamp()
        {
            long now = base.GetTimestamp();
            Interlocked.CompareExchange(ref _first, now, 0);
            return now;
        }
    }
}
