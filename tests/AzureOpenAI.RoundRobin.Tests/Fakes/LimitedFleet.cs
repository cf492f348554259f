using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Several pools with one limit, and when each of their calls started.</summary>
internal sealed class LimitedFleet : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(2);

    private readonly Lock _lock = new();
    private readonly List<(TimeSpan At, string Host, string Prompt)> _starts = [];
    private readonly List<Task<string>> _calls = [];
    private int _rejected;

    public LimitedFleet(
        int pools, int? perMinute, Func<TimeProvider, InMemoryBackplane>? backplane = null, Action<RoundRobinOptions>? configure = null, int? tokens = null,
        string[]? hosts = null, Action<int, EndpointOptions>? endpoint = null)
    {
        Fleet = new(pools, hosts ?? ["east"], endpoint ?? ((_, entry) => (entry.RequestsPerMinute, entry.TokensPerMinute) = (perMinute, tokens)), configure, backplane);
        Fleet.On = Note;
    }

    public FakeFleet Fleet { get; }

    /// <summary>A call that is released goes on within a step of the clock.</summary>
    public TimeSpan Blur { get; private set; } = Step;

    public TimeSpan Now => Fleet.Time.GetUtcNow() - Clocks.Start;

    /// <summary>Calls are rejected until then.</summary>
    public TimeSpan PausedUntil { get; set; }

    /// <summary>The calls that are not answered.</summary>
    public int Open => _calls.Count(static call => !call.IsCompletedSuccessfully);

    public int Rejected => Volatile.Read(ref _rejected);

    public (TimeSpan At, string Host, string Prompt)[] Starts
    {
        get
        {
            lock (_lock)
            {
                return [.. _starts];
            }
        }
    }

    public Task<string> Ask(int pool, string prompt, CancellationToken? token = null, ChatOptions? options = null)
    {
        Task<string> call = Fleet[pool].AskAsync(options: options, prompt: prompt, token: token);
        _calls.Add(call);
        return call;
    }

    public void Begin(int pool, string prompt, ChatOptions? options = null) => _ = Ask(pool, prompt, options: options);

    /// <summary>Lets calls come at random for some seconds, by pools at random.</summary>
    public async Task<int> RunAsync(double seconds, double perSecond, Random random, Func<double, int>? pool = null, TimeSpan? step = null)
    {
        int calls = 0;
        TimeSpan each = step ?? Step;
        Blur = Timestamps.Max(Blur, each);
        double more = perSecond * each.TotalSeconds;
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        while (Now < end)
        {
            while (random.NextDouble() < more / (1 + more))
            {
                Begin(pool?.Invoke(random.NextDouble()) ?? random.Next(Fleet.Pools.Count), "x");
                calls++;
            }

            await StepAsync(each);
        }

        return calls;
    }

    /// <param name="seconds">How long.</param>
    /// <param name="step">Of the clock; a permit that it skips is void.</param>
    public async Task AdvanceAsync(double seconds, double? step = null)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        while (Now < end)
        {
            await StepAsync(Timestamps.Min(end - Now, step is { } given ? TimeSpan.FromSeconds(given) : Step));
        }
    }

    /// <summary>Until all calls are over.</summary>
    public async Task DrainAsync(double most, TimeSpan? step = null)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(most);
        while (_calls.Exists(static call => !call.IsCompleted) && Now < end)
        {
            await StepAsync(step ?? Step);
        }
    }

    /// <summary>The most starts within any such span.</summary>
    public int MostWithin(TimeSpan period, TimeSpan from = default, string? host = null, TimeSpan? until = null)
    {
        TimeSpan[] at = [.. Starts.Where(start => start.At >= from && (until is null || start.At < until) && (host is null || start.Host == host)).Select(static start => start.At).Order()];
        int most = 0;
        for (int first = 0, last = 0; last < at.Length; last++)
        {
            while (at[last] - at[first] >= period - Blur)
            {
                first++;
            }

            most = Math.Max(most, last - first + 1);
        }

        return most;
    }

    public int CallsTo(string host) => Starts.Count(start => start.Host == host);

    public void Dispose() => Fleet.Dispose();

    private async Task StepAsync(TimeSpan step)
    {
        await SettleAsync();
        Fleet.Time.Advance(step);
        await SettleAsync();
    }

    /// <summary>Until each call is over, or queued.</summary>
    private Task SettleAsync()
    {
        _calls.RemoveAll(static call => call.IsCompletedSuccessfully);
        return _calls.Count == 0 ? Task.CompletedTask : Eventually.TrueAsync(
            () => _calls.Count(static call => !call.IsCompleted) == Fleet.Pools.Sum(static pool => pool.Pool.WaitingCalls));
    }

    private HttpResponseMessage? Note(FakeService.Request request)
    {
        if (Now < PausedUntil)
        {
            Interlocked.Increment(ref _rejected);
            return FakeService.Refusal(429, ("retry-after-ms", FormattableString.Invariant($"{Math.Ceiling((PausedUntil - Now).TotalMilliseconds)}")));
        }

        lock (_lock)
        {
            _starts.Add((Now, request.Host, request.Body["messages"]![0]!["content"]!.ToString()));
        }

        return null;
    }
}
