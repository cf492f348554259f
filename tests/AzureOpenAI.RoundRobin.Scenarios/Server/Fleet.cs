using System.Diagnostics;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.Server;

/// <summary>One cell's resources in the server process.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string Deployment = "gpt-4o";

    /// <summary>What an answer of a provisioned deployment costs in all.</summary>
    public const int TokensEach = 100;

    private const string Standard = "standard";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

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
        [.. _spec.Resources.Select(resource => new Address(resource.Name, _simulator[resource.Name].Endpoint, resource.WrongKey ? "not-the-key" : _simulator[resource.Name].ApiKey, resource.Priority))];

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

    /// <summary>Waits for the next window of all limiters, so that every run meets them in the same phase, and starts the script.</summary>
    public async Task BeginAsync()
    {
        long elapsed = Stopwatch.GetElapsedTime(_clock.FirstTimestamp).Ticks;
        long window = (long)(_spec.Resources.Max(resource => resource.WindowSeconds) * TimeSpan.TicksPerSecond);
        await Task.Delay(new TimeSpan(window - (elapsed % window)) + TimeSpan.FromMilliseconds(2));
        _begunAt = DateTimeOffset.UtcNow;
        foreach (ResourceSpec resource in _spec.Resources)
        {
            foreach (FaultSpec fault in resource.Faults)
            {
                _simulator[resource.Name].Faults.Add(Build(fault));
            }

            foreach (LimitStep step in resource.Steps)
            {
                _simulator[resource.Name][Deployment].ChangeLimits(TimeSpan.FromSeconds(step.At), requestsPerMinute: step.PerSecond * 60);
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
            TimeSpan window = TimeSpan.FromSeconds(spec.WindowSeconds);
            deployment.RequestsPerMinute = spec.PerSecond * 60;
            deployment.RequestWindow = window;
            deployment.TokensPerMinute = spec.TokensPerSecond * 60;
            deployment.TokenWindow = window;
            deployment.RequestWindowKind = deployment.TokenWindowKind = spec.Slides ? WindowKind.Sliding : WindowKind.Fixed;
            deployment.CountRejected = !spec.Slides;
            deployment.ProvisionedTokensPerMinute = spec.ProvisionedTokensPerSecond * 60;
            deployment.UtilizationWindow = Second;
            deployment.PromptCacheExpiry = spec.HasPromptCache ? TimeSpan.FromMinutes(10) : null;
            if (spec.ProvisionedTokensPerSecond is not null)
            {
                deployment.Respond(request => new ChatReply { Text = Answer.To(request.LastUserText ?? ""), Usage = new TokenUsage(TokensEach / 2, TokensEach / 2) });
                deployment.EstimateTokens = spec.KnowsCost ? _ => TokensEach : null;
                deployment.SpilloverDeployment = spec.SpilloverTokensPerSecond is null ? null : Standard;
            }
        });
        if (spec.SpilloverTokensPerSecond is { } tokens)
        {
            options.AddDeployment(Standard, deployment =>
            {
                deployment.TokensPerMinute = tokens * 60;
                deployment.TokenWindow = Second;
                deployment.EstimateTokens = _ => TokensEach;
            });
        }

        _ = spec.Headers switch
        {
            RateLimitHeaders.Absent => options.Headers.Omit("x-ratelimit-*"),
            RateLimitHeaders.Zero => options.Headers.Replace("x-ratelimit-remaining-*", "0"),
            RateLimitHeaders.Odd => options.Headers.Replace("x-ratelimit-limit-*", "many").Replace("x-ratelimit-remaining-*", "-1").Replace("x-ratelimit-reset-*", "6m0s"),
            _ => options.Headers,
        };
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

        long spilled = _simulator.Ledger.Snapshot(name).Count(entry => entry.Outcome == LedgerOutcome.Answered && entry.ServedBy == Standard);
        return new ResourceReport(name, counts.Attempts, counts.Answered, counts.Throttled, counts[LedgerOutcome.Refused], counts[LedgerOutcome.Faulted])
        {
            Arrivals = arrivals,
            Taken = taken,
            Spilled = spilled,
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
