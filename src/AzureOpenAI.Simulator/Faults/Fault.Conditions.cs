using System.Globalization;

namespace AzureOpenAI.Simulator;

public sealed partial class Fault
{
    internal int? Limit { get; private init; }

    internal double Probability { get; private init; } = 1;

    internal TimeSpan Start { get; private init; } = TimeSpan.Zero;

    internal TimeSpan End { get; private init; } = TimeSpan.MaxValue;

    internal string? Deployment { get; private init; }

    internal bool? Streamed { get; private init; }

    internal ApiOperation? Operation { get; private init; }

    internal string? ServiceTier { get; private init; }

    /// <summary>Applies the fault to the next requests only.</summary>
    /// <param name="count">How many requests.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is not positive.</exception>
    public Fault Times(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        return Copy(limit: count);
    }

    /// <summary>Applies the fault to a share of the requests, drawn at random.</summary>
    /// <param name="probability">The share, from 0 to 1.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not between 0 and 1.</exception>
    public Fault WithProbability(double probability) => probability is >= 0 and <= 1
        ? Copy(probability: probability)
        : throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability must be between 0 and 1.");

    /// <summary>Applies the fault during a time that counts from when the fault is added to a resource.</summary>
    /// <param name="start">The beginning of the time, by the simulator's clock.</param>
    /// <param name="length">How long it lasts.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="start"/> is negative, or <paramref name="length"/> is not positive.</exception>
    public Fault During(TimeSpan start, TimeSpan length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(start, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(length, TimeSpan.Zero);
        return Copy(start: start, end: start + length);
    }

    /// <summary>Applies the fault to one deployment only.</summary>
    /// <param name="name">The name of the deployment, which need not exist.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is <see langword="null"/> or empty.</exception>
    public Fault ForDeployment(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return Copy(deployment: name);
    }

    /// <summary>Applies the fault to one operation only.</summary>
    /// <param name="operation">The operation.</param>
    /// <returns>A new fault.</returns>
    public Fault ForOperation(ApiOperation operation) => Copy(operation: operation);

    /// <summary>Applies the fault only to requests that ask for a service tier.</summary>
    /// <param name="tier">The <c>service_tier</c>, such as <c>flex</c>.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentException"><paramref name="tier"/> is <see langword="null"/> or empty.</exception>
    public Fault ForServiceTier(string tier)
    {
        ArgumentException.ThrowIfNullOrEmpty(tier);
        return Copy(serviceTier: tier);
    }

    /// <summary>Applies the fault only to requests that ask for a stream.</summary>
    /// <returns>A new fault.</returns>
    public Fault ForStreams() => Copy(streamed: true);

    /// <summary>Applies the fault only to requests that do not ask for a stream.</summary>
    /// <returns>A new fault.</returns>
    public Fault ForCalls() => Copy(streamed: false);

    /// <summary>Waits before the fault acts.</summary>
    /// <param name="latency">How long.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="latency"/> is <see langword="null"/>.</exception>
    public Fault After(Latency latency)
    {
        ArgumentNullException.ThrowIfNull(latency);
        return Copy(wait: latency);
    }

    /// <summary>Sends a header with the fault's answer.</summary>
    /// <param name="name">The name of the header.</param>
    /// <param name="value">The value, any text without control characters.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentException"><paramref name="name"/> is not a header name, or <paramref name="value"/> is not a header value.</exception>
    /// <exception cref="InvalidOperationException">The fault sends no answer of its own.</exception>
    public Fault WithHeader(string name, string value)
    {
        HeaderText.RequireName(name);
        HeaderText.RequireValue(value);
        return Answer is null
            ? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The fault '{Name}' sends no answer of its own, so it has no headers."))
            : Copy(answer: Answer with { Headers = [.. Answer.Headers, new(name, value)] });
    }

    /// <summary>Sends another body with the fault's answer.</summary>
    /// <param name="body">The body, sent as UTF-8. May be empty.</param>
    /// <returns>A new fault.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="body"/> is <see langword="null"/>.</exception>
    /// <exception cref="InvalidOperationException">The fault sends no answer of its own.</exception>
    public Fault WithBody(string body)
    {
        ArgumentNullException.ThrowIfNull(body);
        return Answer is null
            ? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The fault '{Name}' sends no answer of its own, so it has no body."))
            : Copy(answer: Answer with { Body = body });
    }

    internal bool Concerns(FaultTarget target) =>
        (Deployment is null || string.Equals(Deployment, target.Deployment, StringComparison.OrdinalIgnoreCase))
        && (Streamed is null || Streamed == target.Streamed)
        && (Operation is null || Operation == target.Operation)
        && (ServiceTier is null || ServiceTier == target.ServiceTier);

    private Fault Copy(
        string? name = null,
        FaultResponse? answer = null,
        Latency? wait = null,
        string? text = null,
        int? limit = null,
        double? probability = null,
        TimeSpan? start = null,
        TimeSpan? end = null,
        string? deployment = null,
        bool? streamed = null,
        ApiOperation? operation = null,
        string? serviceTier = null) => new(Kind, name ?? Name)
        {
            Answer = answer ?? Answer,
            Wait = wait ?? Wait,
            Text = text ?? Text,
            Events = Events,
            Limit = limit ?? Limit,
            Probability = probability ?? Probability,
            Start = start ?? Start,
            End = end ?? End,
            Deployment = deployment ?? Deployment,
            Streamed = streamed ?? Streamed,
            Operation = operation ?? Operation,
            ServiceTier = serviceTier ?? ServiceTier,
            Code = Code,
        };
}
