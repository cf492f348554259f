using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>Background streams that break at any place go on at their resource, as the SDK asks for it.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class ResumedStreamTests
{
    private const string Text = "one two three four five six seven";

    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Text_is_whole_and_once_wherever_the_stream_breaks(bool isReset, bool isReadyMade)
    {
        await using Fleet fleet = await StartAsync(resumes: true, isReadyMade);
        int resumed = 0;
        for (int i = 0; i < 40; i++)
        {
            using RoundRobinChatClient client = new(fleet.CreatePool(static options => options.ResumeStreams = true));
            fleet.Ledger.Clear();
            fleet["east"].Faults.Clear();
            fleet["east"].Faults.Add((isReset ? Fault.CutAfter(i) : Fault.EndAfter(i)).ForStreams().ForOperation(ApiOperation.Responses).Times(1));

            ChatResponse answer = await client.GetStreamingResponseAsync("count", InBackground, Cancellation).ToChatResponseAsync(Cancellation);

            Assert.Equal((Text, ChatFinishReason.Stop), (answer.Text, answer.FinishReason));
            LedgerEntry[] reads = [.. fleet.Ledger.Snapshot().Where(entry => entry.Operation == ApiOperation.ResponseRead)];
            Assert.All(reads, read => Assert.Equal(200, read.Status));
            resumed += reads.Length;
        }

        Assert.InRange(resumed, 7, 40);
    }

    [Fact]
    public async Task Stream_that_breaks_again_and_again_goes_on_while_its_endpoint_is_unavailable()
    {
        await using Fleet fleet = await StartAsync(resumes: true, isReadyMade: false);
        fleet["east"].Faults.Add(Fault.CutAfter(6).ForOperation(ApiOperation.Responses).Times(1));
        fleet["east"].Faults.Add(Fault.CutAfter(1).ForOperation(ApiOperation.ResponseRead).Times(3));

        ChatResponse answer = await fleet.Client.GetStreamingResponseAsync("count", InBackground, Cancellation).ToChatResponseAsync(Cancellation);

        Assert.Equal(Text, answer.Text);
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal("east", entry.Resource));
        Assert.Equal(EndpointState.Unavailable, fleet.StatusOf("east").State);
    }

    [Fact]
    public async Task Without_the_option_it_is_interrupted()
    {
        await using Fleet fleet = await StartAsync(resumes: false, isReadyMade: false);
        fleet["east"].Faults.Add(Fault.EndAfter(6).Times(1));

        (string text, Exception? failure) = await fleet.Client.GetStreamingResponseAsync("count", InBackground, Cancellation).ReadAsync();

        Assert.IsType<ChatStreamInterruptedException>(failure);
        Assert.StartsWith(text, Text, StringComparison.Ordinal);
        Assert.Single(fleet.Ledger.Snapshot());
    }

    private static Task<Fleet> StartAsync(bool resumes, bool isReadyMade) => Fleet.StartAsync(["east", "west"], setup =>
    {
        (setup.Api, setup.IsReadyMade) = (EndpointApi.Responses, isReadyMade);
        setup.Pool = options => options.ResumeStreams = resumes;
        setup.Simulator = static options => options.Respond(static _ => Text);
    });
}
