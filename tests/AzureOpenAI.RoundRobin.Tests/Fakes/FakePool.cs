using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Endpoints;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A pool of fakes on a clock of its own, that starts at its first endpoint and adds no jitter unless told.</summary>
internal sealed class FakePool : IDisposable
{
    private static readonly Waiter Nobody = new(new PickRequest(new Picker(TimeProvider.System, 0, new())) { Patience = TimeSpan.Zero }, 0, 0);

    private int _asked;
    private int _done;
    private int _released;

    public FakePool(
        int count, Action<RoundRobinOptions>? configure = null, Action<int, EndpointOptions>? endpoint = null, ILoggerFactory? loggerFactory = null,
        uint start = uint.MaxValue, Func<double>? jitter = null, IMeterFactory? meterFactory = null)
    {
        Clients = [.. Enumerable.Range(0, count).Select(i => new FakeChatClient(((char)('a' + i)).ToString()) { Clock = Time })];
        Pool = new EndpointPool(
            ConfigurationResolver.ForPool(Options(Enumerable.Range(0, count), configure, endpoint)), loggerFactory, Time, meterFactory, released: () => Interlocked.Increment(ref _released), start: start, jitter: jitter ?? (() => 0));
        Client = new RoundRobinChatClient(Pool);
    }

    public FakeClock Time { get; } = new();

    public FakeChatClient[] Clients { get; }

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    /// <summary>How often the pool let go of what it owns.</summary>
    public int Released => Volatile.Read(ref _released);

    /// <summary>How many calls wait in the line.</summary>
    public int Waiting => Pool.WaitingCalls;

    public int InFlight => Pool.Endpoints.Sum(endpoint => endpoint.InFlight);

    /// <summary>How often each endpoint was asked.</summary>
    public int[] Calls => [.. Clients.Select(client => client.Calls)];

    /// <summary>Gives the pool another configuration.</summary>
    /// <param name="names">Of the clients that are in it, a letter each.</param>
    /// <param name="configure">What to set for all.</param>
    /// <param name="endpoint">What to set at each, by the place of its client.</param>
    public void Update(string names, Action<RoundRobinOptions>? configure = null, Action<int, EndpointOptions>? endpoint = null) =>
        Pool.Update(Options(names.Select(name => name - 'a'), configure, endpoint));

    /// <summary>Makes a call of either kind and returns the answer's text.</summary>
    public Task<string> AskAsync(bool streaming = false, ChatOptions? options = null, string prompt = "hi", CancellationToken? token = null)
    {
        Interlocked.Increment(ref _asked);
        return CountAsync(AskUncountedAsync(streaming, options, prompt, token ?? TestContext.Current.CancellationToken));
    }

    /// <summary>Makes so many calls one after the other and returns the answers, joined.</summary>
    public async Task<string> AskManyAsync(int count, bool streaming = false, ChatOptions? options = null)
    {
        string answers = "";
        for (int i = 0; i < count; i++)
        {
            answers += await AskAsync(streaming, options);
        }

        return answers;
    }

    /// <summary>Makes calls until the endpoint has been asked once, which takes at most one more of them than there are endpoints. Returns the last answer's text.</summary>
    public async Task<string> AskInTurnOfAsync(int index, bool streaming = false)
    {
        int before = Clients[index].Calls;
        for (int i = 0; i <= Clients.Length; i++)
        {
            string answer = await AskAsync(streaming);
            if (Clients[index].Calls > before)
            {
                return answer;
            }
        }

        throw new InvalidOperationException($"No turn came to '{Clients[index].Name}'.");
    }

    /// <summary>Lets time pass, and then waits until every call is over, at an endpoint, or in the line; or in a pause, which only the test knows.</summary>
    public async Task AdvanceAsync(TimeSpan time, int paused = 0)
    {
        Time.Advance(time);
        await SettleAsync(paused);
    }

    public Task AdvanceAsync(double seconds, int paused = 0) => AdvanceAsync(TimeSpan.FromSeconds(seconds), paused);

    public async Task SettleAsync(int paused = 0)
    {
        await Eventually.TrueAsync(() =>
        {
            int waiting = Waiting;
            int running = Clients.Sum(client => client.Running);
            return Volatile.Read(ref _asked) - Volatile.Read(ref _done) == running + waiting + paused && Pool.CountAwaited(Time) >= running;
        });

        // Whoever joined last may still be about to set the timer that wakes it; it holds the lock until then.
        Pool.Balancer.Leave(Nobody);
    }

    public EndpointStatus StatusOf(int index) => Pool.GetStatus()[index];

    public EndpointState StateOf(int index) => StatusOf(index).State;

    /// <summary>How long the endpoint still stays out, in seconds; 0 if it does not.</summary>
    public double OutFor(int index) => Math.Round(StatusOf(index).ReadyIn?.TotalSeconds ?? 0, 4);

    public Endpoint EndpointAt(int index) => Pool.Endpoints[index];

    public void Dispose() => Client.Dispose();

    private RoundRobinOptions Options(IEnumerable<int> clients, Action<RoundRobinOptions>? configure, Action<int, EndpointOptions>? endpoint)
    {
        RoundRobinOptions options = new();
        foreach (int i in clients)
        {
            EndpointOptions entry = new() { Name = Clients[i].Name, ChatClient = Clients[i] };
            endpoint?.Invoke(i, entry);
            options.Endpoints.Add(entry);
        }

        configure?.Invoke(options);
        return options;
    }

    private async Task<string> CountAsync(Task<string> call)
    {
        try
        {
            return await call.ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Increment(ref _done);
        }
    }

    private async Task<string> AskUncountedAsync(bool streaming, ChatOptions? options, string prompt, CancellationToken token)
    {
        if (!streaming)
        {
            return (await Client.GetResponseAsync(prompt, options, token).ConfigureAwait(false)).Text;
        }

        string text = "";
        await foreach (ChatResponseUpdate update in Client.GetStreamingResponseAsync(prompt, options, token).ConfigureAwait(false))
        {
            text += update.Text;
        }

        return text;
    }
}
