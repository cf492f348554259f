using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A stream may move to another endpoint until its first content, and never after it.</summary>
public sealed class StreamTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> BeforeContent => Spoilt(0, 1, 2);

    /// <summary>The prompt filter, the role, and one or two pieces of text have left.</summary>
    public static TheoryData<string, int> AfterContent => Spoilt(3, 4);

    [Theory]
    [MemberData(nameof(BeforeContent))]
    public async Task Before_its_first_content_another_endpoint_takes_over(string fault, int events)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Spoil(fault, events));

        List<ChatResponseUpdate> updates = await fleet.Client.GetStreamingResponseAsync("one two three four", cancellationToken: Cancellation).ToListAsync(Cancellation);

        Assert.Equal("[west] one two three four", string.Concat(updates.Select(update => update.Text)));
        Assert.Contains(updates, update => update.FinishReason == ChatFinishReason.Stop);
        Assert.Equal(2, updates[0].AdditionalProperties!["azure_openai.round_robin.attempts"]);
        Assert.Single(updates, update => update.AdditionalProperties?.ContainsKey("azure_openai.round_robin.endpoint") == true);
    }

    [Theory]
    [MemberData(nameof(AfterContent))]
    public async Task After_it_the_caller_is_told_that_the_answer_is_incomplete(string fault, int events)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Spoil(fault, events));

        (string text, Exception? failure) = await fleet.Client.GetStreamingResponseAsync("one two three four", cancellationToken: Cancellation).ReadAsync();

        ChatStreamInterruptedException interrupted = Assert.IsType<ChatStreamInterruptedException>(failure);
        Assert.Equal("east", interrupted.EndpointName);
        Assert.Contains("'east'", interrupted.Message, StringComparison.Ordinal);
        Assert.NotEmpty(text);
        Assert.StartsWith(text, "[east] one two three four", StringComparison.Ordinal);
        Assert.Equal(0, fleet.Attempts("west"));
    }

    [Fact]
    public async Task A_cut_after_content_takes_the_endpoint_out_from_the_first()
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = time);
        fleet["east"].Faults.Add(Fault.CutAfter(4));

        await fleet.Client.GetStreamingResponseAsync("one two three", cancellationToken: Cancellation).ReadAsync();
        Assert.Equal((EndpointFailureReason.Cut, 2.Seconds()), (fleet.StatusOf("east").Reason, fleet.StatusOf("east").ReadyIn));

        await fleet.AskAsync(streaming: true, times: 6);
        Assert.Equal([1, 6], [fleet.Attempts("east"), fleet.Attempts("west")]);
    }

    [Fact]
    public async Task No_cut_is_silent_and_no_text_comes_twice()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        fleet["east"].Faults.Add(Fault.CutAfter(2).WithProbability(0.2));
        fleet["east"].Faults.Add(Fault.ErrorEventAfter(0).WithProbability(0.2));
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.CutAfter(4).WithProbability(0.2));
            resource.Faults.Add(Fault.EndAfter(5).WithProbability(0.1));
            resource.Faults.Add(Fault.ErrorEventAfter(3).WithProbability(0.1));
        }

        int complete = 0, interruptions = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 120), Cancellation, async (i, cancellation) =>
        {
            string prompt = $"<{i}> alpha beta gamma delta epsilon";
            (string text, Exception? failure) = await fleet.Client.GetStreamingResponseAsync(prompt, cancellationToken: cancellation).ReadAsync();
            string[] whole = [.. fleet.Azure.Resources.Select(resource => $"[{resource.Name}] {prompt}")];
            if (failure is null)
            {
                Assert.Contains(text, whole);
                Interlocked.Increment(ref complete);
            }
            else if (text.Length == 0)
            {
                // A reset can overtake what was sent before it, so two endpoints may have broken before any content came through.
                Assert.IsNotType<ChatStreamInterruptedException>(failure);
                Assert.IsType<IOException>(failure, exactMatch: false);
            }
            else
            {
                ChatStreamInterruptedException interrupted = Assert.IsType<ChatStreamInterruptedException>(failure);
                Assert.StartsWith(text, $"[{interrupted.EndpointName}] {prompt}", StringComparison.Ordinal);
                Interlocked.Increment(ref interruptions);
            }
        });

        Assert.InRange(complete, 40, 119);
        Assert.InRange(interruptions, 1, 80);
    }

    [Fact]
    public async Task Each_enumeration_is_a_call_of_its_own()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        IAsyncEnumerable<ChatResponseUpdate> stream = fleet.Client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation);
        Assert.Equal(0, fleet.Attempts());

        Assert.Equal(("[east] hello", null), await stream.ReadAsync());
        Assert.Equal(("[west] hello", null), await stream.ReadAsync());
    }

    [Fact]
    public async Task An_odd_shape_of_the_stream_changes_nothing()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Resource = resource => resource.AddDeployment(
            Fleet.Deployment,
            deployment => deployment.StreamFormat = new StreamFormat { CarriageReturns = true, KeepAliveComments = true, FilterAnnotations = true, PieceSize = 7 }));

        for (int i = 0; i < 4; i++)
        {
            Answer answer = await fleet.AskAsync(streaming: true, "Grüße, 世界 🌍");
            Assert.Equal($"[{answer.Endpoint}] Grüße, 世界 🌍", answer.Text);
            Assert.NotNull(answer.Response.Usage);
        }

        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.Failed));
    }

    private static TheoryData<string, int> Spoilt(params int[] events)
    {
        TheoryData<string, int> data = [];
        foreach (string fault in new[] { "cut", "end", "error" })
        {
            foreach (int count in events)
            {
                data.Add(fault, count);
            }
        }

        return data;
    }

    private static Fault Spoil(string fault, int events) => fault switch
    {
        "cut" => Fault.CutAfter(events),
        "end" => Fault.EndAfter(events),
        _ => Fault.ErrorEventAfter(events),
    };
}
