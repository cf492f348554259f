using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.DependencyInjection;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What a caller's flow holds, such as its request and its log scopes, ends with the call.</summary>
[Trait("Rule", "R15")]
public class CallersObjectsAreLetGoOfTests
{
    private static readonly AsyncLocal<object?> Callers = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> Ways => new MatrixTheoryData<string, bool>(
        ["at once", "later", "elsewhere after a failure", "elsewhere after a timeout", "from the queue", "refused by the queue", "after a pause", "cancelled"], [false, true]);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task AfterACall(string way, bool streaming)
    {
        CapturingClock time = new();
        FakeChatClient[] clients = [new("a"), new("b")];
        RoundRobinOptions options = new() { AttemptTimeout = TimeSpan.FromSeconds(10), MaxWait = TimeSpan.FromSeconds(30) };
        foreach (FakeChatClient client in way is "after a pause" ? clients[..1] : clients)
        {
            options.Endpoints.Add(new EndpointOptions { Name = client.Name, ChatClient = client });
        }

        using RoundRobinChatClient pool = new(new EndpointPool(ConfigurationResolver.ForPool(options), timeProvider: time, start: uint.MaxValue, jitter: static () => 0));
        SetUp(way, clients);
        WeakReference seen = await CallAsync(pool, clients, time, way, streaming);

        await AssertCollectedAsync(seen);
        GC.KeepAlive(pool);
        GC.KeepAlive(time);
    }

    [Fact]
    public async Task AfterAStreamOfManyUpdates()
    {
        CapturingClock time = new();
        using RoundRobinChatClient pool = new([new SteppedClient(isAsynchronous: true)], timeProvider: time);

        WeakReference seen = StepThrough(pool);

        await AssertCollectedAsync(seen);
        GC.KeepAlive(pool);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterTheFirstResolution(bool ofClient)
    {
        CapturingClock time = new();
        using FakeService service = new();
        await using ServiceProvider provider = Registrations.Build(Registrations.On(), services =>
        {
            services.AddSingleton<TimeProvider>(time);
            services.AddAzureOpenAIRoundRobin(Registrations.Over(service));
        });

        WeakReference seen = Resolve(provider, ofClient);

        await AssertCollectedAsync(seen);
        Assert.Equal(2, provider.GetRequiredService<EndpointPool>().Count);
        GC.KeepAlive(time);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AfterTheFirstCallOverTheSdk(bool streaming)
    {
        using ServicePool pool = new(["one", "two"], time: new CapturingClock());

        WeakReference seen = await AskSdkAsync(pool, streaming);

        await AssertCollectedAsync(seen);
        GC.KeepAlive(pool);
    }

    private static void SetUp(string way, FakeChatClient[] clients)
    {
        switch (way)
        {
            case "later" or "elsewhere after a timeout" or "cancelled":
                clients[0].Hold();
                break;
            case "elsewhere after a failure":
                clients[0].Fails = FakeFailure.Status(500);
                break;
            case "after a pause":
                clients[0].Plays(FakeFailure.Status(500));
                break;
            case "from the queue":
                Array.ForEach(clients, client => client.Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5))));
                break;
            case "refused by the queue":
                Array.ForEach(clients, client => client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(60)));
                break;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> CallAsync(RoundRobinChatClient pool, FakeChatClient[] clients, CapturingClock time, string way, bool streaming)
    {
        object callers = new();
        Callers.Value = callers;
        using CancellationTokenSource source = CancellationTokenSource.CreateLinkedTokenSource(Token);
        Task call = AskAsync(pool, streaming, source.Token);
        switch (way)
        {
            case "later":
                time.Advance(TimeSpan.FromSeconds(1));
                clients[0].Held[0].Answer();
                break;
            case "cancelled":
                await source.CancelAsync();
                break;
            case "at once" or "elsewhere after a failure":
                break;
            default:
                for (int i = 0; i < 100 && !call.IsCompleted; i++)
                {
                    time.Advance(TimeSpan.FromSeconds(1));
                    await Task.Yield();
                }

                break;
        }

        Exception? failure = await Record.ExceptionAsync(() => call);
        Assert.Equal(way is "refused by the queue" or "cancelled", failure is not null);
        return new WeakReference(callers);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference StepThrough(RoundRobinChatClient pool)
    {
        WeakReference? seen = null;
        Thread thread = new(() =>
        {
            object callers = new();
            Callers.Value = callers;
            SteppedClient.Run(ReadAsync(pool));
            seen = new WeakReference(callers);
        });
        thread.Start();
        thread.Join();
        return seen!;
    }

    private static async Task ReadAsync(RoundRobinChatClient pool)
    {
        await foreach (ChatResponseUpdate update in pool.GetStreamingResponseAsync("hi").ConfigureAwait(false))
        {
            Assert.NotNull(update);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Resolve(ServiceProvider provider, bool ofClient)
    {
        object callers = new();
        object? before = Callers.Value;
        Callers.Value = callers;
        object made = ofClient ? provider.GetRequiredService<IChatClient>() : provider.GetRequiredService<EndpointPool>();
        Assert.NotNull(made);
        Callers.Value = before;
        return new WeakReference(callers);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference> AskSdkAsync(ServicePool pool, bool streaming)
    {
        object callers = new();
        Callers.Value = callers;
        await pool.AskAsync(streaming);
        return new WeakReference(callers);
    }

    private static async Task AskAsync(RoundRobinChatClient pool, bool streaming, CancellationToken token)
    {
        if (!streaming)
        {
            await pool.GetResponseAsync("hi", cancellationToken: token);
            return;
        }

        await foreach (ChatResponseUpdate update in pool.GetStreamingResponseAsync("hi", cancellationToken: token))
        {
            Assert.NotNull(update);
        }
    }

    /// <summary>Threads that ran for the caller may hold its flow for a moment longer.</summary>
    private static async Task AssertCollectedAsync(WeakReference seen)
    {
        for (int i = 0; i < 200 && seen.IsAlive; i++)
        {
            await Task.Yield();
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(seen.IsAlive, "Something still holds what the caller's flow held.");
    }
}
