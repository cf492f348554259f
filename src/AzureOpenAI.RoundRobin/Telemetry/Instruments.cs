using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>The instruments and their names. One object for each meter, so that the pools of an app add up and do not overwrite each other.</summary>
/// <remarks>
/// Nothing is computed without a listener. A listener runs inside of a measurement; exceptions that it throws are swallowed, so that they cannot change a call.
/// </remarks>
internal sealed class Instruments
{
    public const string MeterName = "AzureOpenAI.RoundRobin";
    private const string Prefix = "azure_openai.round_robin.";
    private const string Endpoint = "endpoint";
    private const string Outcome = "outcome";
    private const string TokenType = "gen_ai.token.type";

    /// <summary>The meter of all pools without a factory. It lives as long as the process, as its listeners may.</summary>
    private static readonly Meter Shared = new(MeterName);

    private static readonly ConditionalWeakTable<Meter, Instruments> ByMeter = [];

    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300],
    };

    private static readonly InstrumentAdvice<double> Trips = new() { HistogramBucketBoundaries = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1] };

    private static readonly InstrumentAdvice<int> Few = new() { HistogramBucketBoundaries = [0, 1, 2, 3, 4, 5, 8, 12, 20] };

    private readonly Histogram<double> _attemptDuration;
    private readonly Histogram<int> _callAttempts;
    private readonly Counter<long> _cooldowns;
    private readonly Histogram<double> _waitDuration;
    private readonly Counter<long> _tokens;
    private readonly Counter<long> _cachedTokens;
    private readonly Counter<long> _reasoningLeftOut;
    private readonly Counter<long> _sharedFacts;
    private readonly Histogram<double> _askDuration;
    private readonly Counter<long> _startPermits;

    private Instruments(Meter meter)
    {
        _attemptDuration = meter.CreateHistogram(
            Prefix + "attempt.duration", "s", "How long attempts took; those of streams to the stream's end.", advice: Seconds);
        _callAttempts = meter.CreateHistogram(Prefix + "call.attempts", "{attempt}", "How many attempts calls made.", advice: Few);
        _cooldowns = meter.CreateCounter<long>(Prefix + "cooldowns", "{cooldown}", "The number of ejections.");
        _waitDuration = meter.CreateHistogram(Prefix + "wait.duration", "s", "How long calls waited for an endpoint, each wait.", advice: Seconds);
        _tokens = meter.CreateCounter<long>(Prefix + "tokens", "{token}", "Tokens that answers reported, cached ones included.");
        _cachedTokens = meter.CreateCounter<long>(Prefix + "tokens.cached", "{token}", "Input tokens that came from the service's prompt cache.");
        _reasoningLeftOut = meter.CreateCounter<long>(Prefix + "reasoning.left_out", "{attempt}", "Attempts from which encrypted reasoning was left out, since the resource cannot read it.");
        _sharedFacts = meter.CreateCounter<long>(Prefix + "backplane.facts", "{fact}", "Facts about endpoints that pools told each other over a backplane.");
        _askDuration = meter.CreateHistogram(Prefix + "backplane.ask.duration", "s", "How long the answers to requests for permits took.", advice: Trips);
        _startPermits = meter.CreateCounter<long>(Prefix + "backplane.permits", "{permit}", "Starts within shared limits: permits that were granted, that nobody used in time, and starts without one.");
        meter.CreateObservableGauge(Prefix + "endpoints", Pools.ByState, "{endpoint}", "How many endpoints are in each state.");
        meter.CreateObservableGauge(Prefix + "in_flight", Pools.InFlight, "{attempt}", "How many attempts run at each endpoint.");
    }

    public PoolGauges Pools { get; } = new();

    /// <summary>Whether a listener for calls or attempts is attached.</summary>
    public bool IsListening
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _attemptDuration.Enabled || _callAttempts.Enabled || AttemptTrace.Source.HasListeners();
    }

    public bool WantsWaits => _waitDuration.Enabled;

    public bool WantsCooldowns => _cooldowns.Enabled;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "A factory's meters are the factory's.")]
    public static Instruments Of(IMeterFactory? factory)
    {
        Meter meter = factory is null ? Shared : factory.Create(MeterName);
        try
        {
            return ByMeter.GetValue(meter, static meter => new Instruments(meter));
        }
#pragma warning disable CA1031 // A listener that throws when an instrument is published must not cost the app its pool, whatever it throws.
        catch
#pragma warning restore CA1031
        {
            return Unheard();
        }
    }

    public void AttemptEnded(TimeSpan took, string endpoint, string outcome, string operation, string? error)
    {
        if (!_attemptDuration.Enabled)
        {
            return;
        }

        TagList tags = new() { { Endpoint, endpoint }, { Outcome, outcome }, { "gen_ai.operation.name", operation } };
        if (error is not null)
        {
            tags.Add("error.type", error);
        }

        Record(_attemptDuration, took.TotalSeconds, tags);
    }

    public void CallEnded(int attempts, string outcome)
    {
        if (_callAttempts.Enabled)
        {
            Record(_callAttempts, attempts, new() { { Outcome, outcome } });
        }
    }

    public void Waited(TimeSpan wait) => Record(_waitDuration, wait.TotalSeconds, default);

    public void Ejected(string endpoint, OutcomeKind reason) => Add(_cooldowns, 1, new() { { Endpoint, endpoint }, { "reason", OutcomeNames.Of(reason) } });

    public void ReasoningLeftOut(string endpoint) => Add(_reasoningLeftOut, 1, new() { { Endpoint, endpoint } });

    /// <summary>A fact was published, or heard and either taken or ignored.</summary>
    public void SharedFact(string direction, PoolFactKind kind) =>
        Add(_sharedFacts, 1, new() { { "direction", direction }, { "kind", WordOf(kind) } });

    public void Asked(TimeSpan took) => Record(_askDuration, took.TotalSeconds, default);

    /// <param name="kind">granted, alone or void.</param>
    /// <param name="count">How many; none is not counted.</param>
    public void StartPermits(string kind, int count)
    {
        if (count > 0)
        {
            Add(_startPermits, count, new() { { "kind", kind } });
        }
    }

    public void Used(string endpoint, in TokenCounts tokens)
    {
        Count(_tokens, tokens.Input, endpoint, "input");
        Count(_tokens, tokens.Output, endpoint, "output");
        Count(_cachedTokens, tokens.CachedInput, endpoint, "input");
    }

    private static string WordOf(PoolFactKind kind) => kind switch
    {
        PoolFactKind.Recovered => "recovered",
        PoolFactKind.Silent => "silent",
        PoolFactKind.Answering => "answering",
        PoolFactKind.Probing => "probing",
        PoolFactKind.Paced => "paced",
        _ => "ejected",
    };

    private static void Count(Counter<long> counter, long tokens, string endpoint, string type)
    {
        if (tokens > 0 && counter.Enabled)
        {
            Add(counter, tokens, new() { { Endpoint, endpoint }, { TokenType, type } });
        }
    }

    private static void Record<T>(Histogram<T> histogram, T value, in TagList tags)
        where T : struct
    {
        try
        {
            histogram.Record(value, tags);
        }
#pragma warning disable CA1031 // See the remarks of the class.
        catch
#pragma warning restore CA1031
        {
        }
    }

    private static void Add(Counter<long> counter, long count, in TagList tags)
    {
        try
        {
            counter.Add(count, tags);
        }
#pragma warning disable CA1031 // See the remarks of the class.
        catch
#pragma warning restore CA1031
        {
        }
    }

    /// <summary>Instruments of a disposed meter, which has no listeners.</summary>
    private static Instruments Unheard()
    {
        Meter meter = new(MeterName);
        meter.Dispose();
        return new Instruments(meter);
    }
}
