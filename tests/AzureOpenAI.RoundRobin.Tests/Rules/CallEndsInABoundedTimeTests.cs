using AzureOpenAI.RoundRobin.Tests.Fakes;
using OpenAI.Chat;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Once a call has failed at every endpoint that it may ask, all time counts against MaxWait, attempts included; the last attempt may finish.</summary>
[Trait("Rule", "R20")]
public sealed class CallEndsInABoundedTimeTests
{
    private const double Step = 0.25;
    private const double MaxWait = 6;
    private const double AttemptTimeout = 10;

    private static readonly string[] Kinds = ["call", "stream", "embeddings", "operation"];

    public static MatrixTheoryData<string, string> EveryFault { get; } = new(TimedFaults.Names, Kinds);

    /// <summary>As hosts do that drop what is sent to them: each attempt takes 5 s and then fails to connect, which is longer than its own cooldown.</summary>
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(1, 1, true)]
    [InlineData(2, 2, false)]
    [InlineData(2, 2, true)]
    [InlineData(2, 4, false)]
    public async Task HostsThatDropConnections_CallEndsWithinItsBound(int endpoints, int maxWait, bool streaming)
    {
        using FakePool pool = new(endpoints, options => options.MaxWait = TimeSpan.FromSeconds(maxWait));
        Array.ForEach(pool.Clients, static client => client.Hold());
        Task<string> call = pool.AskAsync(streaming);
        Dictionary<HeldCall, double> began = [];
        double passed = 0;
        for (; !call.IsCompleted && passed < 120; passed += Step)
        {
            foreach (HeldCall held in pool.Clients.SelectMany(static client => client.Held).Where(static held => !held.End.IsCompleted))
            {
                if (!began.TryAdd(held, passed) && passed - began[held] >= 5)
                {
                    held.Fail(new HttpRequestException(HttpRequestError.ConnectionError));
                }
            }

            await pool.AdvanceAsync(Step);
        }

        Assert.True(call.IsCompleted, $"It still runs after {passed} s.");
        await Assert.ThrowsAnyAsync<Exception>(() => call);
        // One attempt at each endpoint, then MaxWait, and the attempt that began before its end.
        Assert.InRange(passed, 5, (5 * endpoints) + maxWait + 5 + 0.5);
    }

    /// <summary>Each fault at each endpoint, in pools of one, two and three.</summary>
    [Theory]
    [MemberData(nameof(EveryFault))]
    public async Task EveryFault_EverywhereAndAlways_CallEndsWithinItsBound(string fault, string kind)
    {
        for (int endpoints = 1; endpoints <= 3; endpoints++)
        {
            await AssertBoundAsync(Enumerable.Repeat(fault, endpoints).ToArray(), kind);
        }
    }

    /// <summary>Each fault beside another one.</summary>
    [Theory]
    [MemberData(nameof(EveryFault))]
    public async Task EveryFault_BesideAnother_CallEndsWithinItsBound(string fault, string kind)
    {
        foreach (string other in (string[])["429 hint 5", "503 after 3", "silence before the head", "connect timeout", "cut after 3"])
        {
            await AssertBoundAsync([fault, other], kind);
        }
    }

    /// <summary>One attempt at each endpoint, and the waits before it that count against MaxWait; then what is left of MaxWait, and the attempt that began before its end.</summary>
    private static async Task AssertBoundAsync(string[] faults, string kind)
    {
        FakeClock time = new();
        TimedFaults service = new();
        using ServicePool pool = new([.. faults.Select((_, i) => $"e{i}")], time: time, configure: static options =>
        {
            options.MaxWait = TimeSpan.FromSeconds(MaxWait);
            options.AttemptTimeout = TimeSpan.FromSeconds(AttemptTimeout);
        });
        using RoundRobinEmbeddingGenerator generator = new(pool.Pool, leaveOpen: true);
        pool.Service.OnAsync = (request, token) => service.AnswerAsync(faults[request.Host[1] - '0'], request.IsStream, token);
        Task call = AskAsync(pool, generator, kind);
        double passed = 0;
        double bound = faults.Sum(fault => TimedFaults.Takes(fault, AttemptTimeout)) + MaxWait + faults.Max(fault => TimedFaults.Takes(fault, AttemptTimeout)) + Step;
        await SettleAsync(pool, service, time, call);
        for (; !call.IsCompleted && passed <= bound; passed += Step)
        {
            time.Advance(TimeSpan.FromSeconds(Step));
            service.Pass(Step);
            await SettleAsync(pool, service, time, call);
        }

        Assert.True(call.IsCompleted, $"{kind}, {string.Join(" | ", faults)}: it still runs after {passed} s, of at most {bound}, {service.Running} attempts are under way.");
        Assert.NotNull(await Record.ExceptionAsync(() => call));
        Assert.All(pool.Pool.GetStatus(), static status => Assert.Equal(0, status.InFlight));
        Assert.Equal(0, pool.Pool.WaitingCalls);
    }

    /// <summary>Until the call is over, at an endpoint, in the queue or in a pause.</summary>
    private static Task SettleAsync(ServicePool pool, TimedFaults service, FakeClock time, Task call) => Eventually.TrueAsync(() =>
    {
        int waiting = pool.Pool.WaitingCalls;
        int running = service.Running;
        return call.IsCompleted || (running + waiting + time.Delays == 1 && pool.Pool.CountAwaited(time) >= running);
    });

    private static async Task AskAsync(ServicePool pool, RoundRobinEmbeddingGenerator generator, string kind)
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        switch (kind)
        {
            case "embeddings":
                await generator.GenerateAsync(["hi"], cancellationToken: cancellationToken);
                break;
            case "operation":
                await pool.Pool.InvokeAsync(
                    static async (client, token) => (await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("hi")], cancellationToken: token)).Value.Content[0].Text,
                    cancellationToken: cancellationToken);
                break;
            default:
                await pool.AskAsync(kind == "stream");
                break;
        }
    }
}
