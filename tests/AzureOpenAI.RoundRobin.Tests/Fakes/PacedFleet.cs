namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Several pools over endpoints that each take so many calls a second, and say exactly when they have room again: what the calls of all pools meet, in simulated time.</summary>
internal sealed class PacedFleet : IDisposable
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, (int Limit, List<TimeSpan> Taken)> _hosts = [];
    private readonly bool _slides;
    private readonly List<(TimeSpan Begun, int Pool, Task<string> Answer)> _calls = [];
    private readonly List<(TimeSpan Begun, int Pool, TimeSpan At, string Host)> _answered = [];
    private readonly List<(TimeSpan At, string Host)> _rejected = [];
    private readonly int[] _places;
    private int _open;
    private int _next;

    public PacedFleet(int pools, bool slides, Func<TimeProvider, InMemoryBackplane> backplane, (string Host, int Limit)[] hosts, double maxWait)
    {
        _slides = slides;
        foreach ((string host, int limit) in hosts)
        {
            _hosts[host] = (limit, []);
        }

        Fleet = new(pools, [.. hosts.Select(static host => host.Host)], null, options => options.MaxWait = TimeSpan.FromSeconds(maxWait), backplane);
        Fleet.On = Answer;
        _places = [.. Enumerable.Range(0, pools)];
    }

    public FakeFleet Fleet { get; }

    public TimeSpan Now => Fleet.Time.GetUtcNow() - Clocks.Start;

    /// <summary>The calls that failed.</summary>
    public int Failed { get; private set; }

    /// <summary>Attempts for each answer, of calls from a time on.</summary>
    public double AttemptsSince(TimeSpan from)
    {
        lock (_lock)
        {
            int answered = _answered.Count(call => call.At >= from);
            return (answered + _rejected.Count(call => call.At >= from)) / (double)Math.Max(1, answered);
        }
    }

    public int RejectedSince(TimeSpan from)
    {
        lock (_lock)
        {
            return _rejected.Count(call => call.At >= from);
        }
    }

    /// <summary>The answers a second from a time on.</summary>
    public double PerSecondSince(TimeSpan from, string? host = null)
    {
        lock (_lock)
        {
            return _answered.Count(call => call.At >= from && (host is null || call.Host == host)) / (Now - from).TotalSeconds;
        }
    }

    /// <summary>The answers of the pool that had the fewest, as a part of what each had on average.</summary>
    public double WorstShareSince(TimeSpan from)
    {
        lock (_lock)
        {
            int[] each = [.. Enumerable.Range(0, _places.Length).Select(pool => _answered.Count(call => call.Pool == pool && call.At >= from))];
            return each.Min() / each.Average();
        }
    }

    public Task<string> Ask(int pool)
    {
        int number;
        TimeSpan begun = Now;
        lock (_lock)
        {
            number = _calls.Count;
            _calls.Add((begun, pool, Task.FromResult("")));
        }

        Task<string> call = Fleet[_places[pool]].AskAsync(prompt: $"{number}");
        lock (_lock)
        {
            _calls[number] = (begun, pool, call);
        }

        return call;
    }

    /// <summary>A process takes the place of another one. The calls of that end with it.</summary>
    public void Replace(int pool)
    {
        Fleet.Join();
        _places[pool] = Fleet.Pools.Count - 1;
    }

    /// <summary>Lets calls come by chance for some seconds, by one pool after the other.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="perSecond">Of all pools.</param>
    /// <param name="random">Draws the times.</param>
    /// <param name="ended">Told whose each call was.</param>
    public async Task RunAsync(double seconds, double perSecond, Random random, Action<int>? ended = null)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        double next = Now.TotalSeconds;
        while (Now < end)
        {
            for (; next <= Now.TotalSeconds; next += -Math.Log(1 - random.NextDouble()) / perSecond)
            {
                int pool = _next++ % _places.Length;
                _ = Ask(pool);
                ended?.Invoke(pool);
            }

            await StepAsync(Step);
        }
    }

    /// <summary>The same, evenly spaced.</summary>
    public async Task RunEvenlyAsync(double seconds, double perSecond)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        for (double next = Now.TotalSeconds; Now < end;)
        {
            for (; next <= Now.TotalSeconds; next += 1 / perSecond)
            {
                _ = Ask(_next++ % _places.Length);
            }

            await StepAsync(Step);
        }
    }

    /// <summary>How long calls that began after a time waited for their start, in milliseconds, the shortest first.</summary>
    public double[] WaitsSince(TimeSpan from)
    {
        lock (_lock)
        {
            return [.. _answered.Where(call => call.Begun >= from).Select(static call => (call.At - call.Begun).TotalMilliseconds).Order()];
        }
    }

    public async Task AdvanceAsync(double seconds, double step)
    {
        TimeSpan end = Now + TimeSpan.FromSeconds(seconds);
        while (Now < end)
        {
            await StepAsync(TimeSpan.FromSeconds(step));
        }
    }

    public void Dispose() => Fleet.Dispose();

    private async Task StepAsync(TimeSpan step)
    {
        await SettleAsync();
        Fleet.Time.Advance(step);
        await SettleAsync();
    }

    /// <summary>Until each call is over, queued, or pauses.</summary>
    private Task SettleAsync() => Eventually.TrueAsync(
        () => Open() == Fleet.Pools.Sum(static pool => pool.Pool.WaitingCalls) + Math.Max(0, Fleet.Time.Delays - Fleet.Backplane.OnTheWay));

    private int Open()
    {
        lock (_lock)
        {
            while (_open < _calls.Count && _calls[_open].Answer.IsCompleted)
            {
                Failed += _calls[_open].Answer.IsFaulted ? 1 : 0;
                _open++;
            }

            int open = 0;
            for (int i = _open; i < _calls.Count; i++)
            {
                open += _calls[i].Answer.IsCompleted ? 0 : 1;
            }

            return open;
        }
    }

    private HttpResponseMessage? Answer(FakeService.Request request)
    {
        int number = int.Parse(request.Body["messages"]![0]!["content"]!.ToString(), System.Globalization.CultureInfo.InvariantCulture);
        lock (_lock)
        {
            (int limit, List<TimeSpan> taken) = _hosts[request.Host];
            TimeSpan window = _slides ? Now - Second : TimeSpan.FromSeconds(Math.Floor(Now.TotalSeconds));
            int first = taken.FindIndex(at => _slides ? at > window : at >= window);
            if (first < 0 || taken.Count - first < limit)
            {
                taken.Add(Now);
                _answered.Add((_calls[number].Begun, _calls[number].Pool, Now, request.Host));
                return null;
            }

            _rejected.Add((Now, request.Host));
            TimeSpan room = _slides ? taken[^limit] + Second - Now : window + Second - Now;
            return FakeService.Refusal(429, ("retry-after-ms", FormattableString.Invariant($"{Math.Ceiling(room.TotalMilliseconds)}")));
        }
    }
}
