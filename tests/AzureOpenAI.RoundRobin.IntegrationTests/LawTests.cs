using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What stands above every rule: doubt never ends a call while an untried healthy endpoint is left, and what one caller sends costs no other caller anything.</summary>
public sealed class LawTests
{
    public static TheoryData<string, bool> AnyFault => Faults.All;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Each pair of faults, at two endpoints of three or of four.</summary>
    [Theory]
    [MemberData(nameof(AnyFault))]
    public async Task No_call_fails_while_another_endpoint_is_well(string first, bool streaming)
    {
        for (int i = 0; i < Faults.Names.Length; i++)
        {
            string second = Faults.Names[i];
            await using Fleet fleet = await Fleet.StartAsync(i % 2 == 0 ? ["east", "west", "north"] : ["east", "west", "north", "south"]);
            fleet["east"].Faults.Add(Faults.Named(first, TimeProvider.System));
            fleet["west"].Faults.Add(Faults.Named(second, TimeProvider.System));

            for (int call = 0; call < 3; call++)
            {
                Answer answer = await fleet.AskAsync(streaming, $"question {call}");

                Assert.True(answer.Endpoint is "north" or "south", $"{answer.Endpoint} answered beside {second}.");
                Assert.Equal($"[{answer.Endpoint}] question {call}", answer.Text);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_one_caller_does_wrong_costs_another_nothing(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        await CostsNothingAsync(fleet, streaming, Wrongs(fleet, streaming));
    }

    /// <summary>There the resource keeps conversations and jobs, whose ids expire.</summary>
    [Theory]
    [Trait("Needs", "OpenAI 2.14")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nor_over_the_Responses_API(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], static setup => setup.Api = EndpointApi.Responses);
        ResponseContinuationToken job = ResponseContinuationToken.FromBytes("{\"responseId\":\"resp_expired\"}"u8.ToArray());
        await CostsNothingAsync(fleet, streaming,
        [
            .. Wrongs(fleet, streaming),
            () => fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = "resp_expired" }),
            () => fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = "conv_expired" }),
            () => fleet.Client.GetResponseAsync([], new ChatOptions { ContinuationToken = job }, Cancellation),
        ]);
    }

    private static async Task CostsNothingAsync(Fleet fleet, bool streaming, Func<Task>[] wrongs)
    {
        for (int i = 0; i < 20; i++)
        {
            foreach (Func<Task> wrong in wrongs)
            {
                Assert.NotNull(await Record.ExceptionAsync(wrong));
            }

            await DropAsync(fleet);
            // No endpoint maps it, so each answers with its own deployment, as the SDK's client does.
            await fleet.AskAsync(streaming, options: new ChatOptions { ModelId = "gpt-nowhere" });

            Answer answer = await fleet.AskAsync(streaming, $"question {i}");
            Assert.Equal(($"[{answer.Endpoint}] question {i}", 1), (answer.Text, answer.Attempts));
            Assert.All(fleet.Pool.GetStatus(), static status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
        }
    }

    private static Func<Task>[] Wrongs(Fleet fleet, bool streaming) =>
    [
        () => fleet.AskAsync(streaming, "[content-filter] please"),
        () => fleet.AskAsync(streaming, options: new ChatOptions { RawRepresentationFactory = static _ => throw new InvalidOperationException("The options cannot be read.") }),
        () => fleet.Client.GetResponseAsync(Unreadable(), cancellationToken: Cancellation),
        () => fleet.Client.GetStreamingResponseAsync(Unreadable(), cancellationToken: Cancellation).ToListAsync(Cancellation).AsTask(),
        () => fleet.AskAsync(streaming, cancellationToken: new CancellationToken(canceled: true)),
        () => CancelAsync(fleet, streaming),
        () => fleet.Pool.InvokeAsync<int>(static (_, _) => throw new KeyNotFoundException("The app's own operation."), cancellationToken: Cancellation),
    ];

    private static IEnumerable<ChatMessage> Unreadable()
    {
        yield return new ChatMessage(ChatRole.User, "hello");
        throw new InvalidOperationException("The messages cannot be read.");
    }

    private static async Task CancelAsync(Fleet fleet, bool streaming)
    {
        using CancellationTokenSource caller = new();
        Task<Answer> call = fleet.AskAsync(streaming, cancellationToken: caller.Token);
        await caller.CancelAsync();
        await call;
        throw new OperationCanceledException("It was answered before the cancellation.");
    }

    /// <summary>A stream that its caller neither reads to the end nor disposes of.</summary>
    private static async Task DropAsync(Fleet fleet)
    {
        IAsyncEnumerator<ChatResponseUpdate> dropped = fleet.Client.GetStreamingResponseAsync("dropped", cancellationToken: Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await dropped.MoveNextAsync());
    }
}
