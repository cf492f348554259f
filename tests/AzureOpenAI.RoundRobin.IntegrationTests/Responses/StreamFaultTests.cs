using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>The ways in which an answer of the Responses API breaks. None of them ends without an exception, or in half an answer: not at the pool's own endpoints, and not at the SDK's clients in it.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class StreamFaultTests
{
    private const int BeforeContent = 2;
    private const int AfterContent = 6;

    /// <summary>The faults of a stream before its first content, each at the pool's own endpoint and at a ready-made client.</summary>
    public static TheoryData<string, bool> Before => Rows("empty", "error", "nested error", "failed", "end", "rate limited");

    public static TheoryData<string, bool> After => Rows("error", "failed", "end", "reset");

    [Theory]
    [MemberData(nameof(Before))]
    public async Task Before_content_fails_over(string fault, bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, FaultOf(fault, BeforeContent), nested: fault == "nested error");

        for (int i = 0; i < 6; i++)
        {
            Answer answer = await fleet.AskAsync(streaming: true);
            Assert.NotEqual("", answer.Text);
            Assert.DoesNotContain("east", answer.Text, StringComparison.Ordinal);
        }

        EndpointStatus east = fleet.StatusOf("east");
        Assert.NotEqual(0, east.Failed);
        Assert.Equal(0, east.Answered);
        Assert.Equal(fault == "rate limited" ? EndpointFailureReason.RateLimited : fault is "empty" or "end" ? EndpointFailureReason.BrokenAnswer : EndpointFailureReason.Failed, east.LastError!.Reason);
    }

    [Theory]
    [MemberData(nameof(After))]
    public async Task After_content_is_interrupted(string fault, bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, FaultOf(fault, AfterContent));

        (string text, Exception? failure) = await fleet.Client.GetStreamingResponseAsync("one two three", cancellationToken: TestContext.Current.CancellationToken).ReadAsync();

        Assert.Equal("[east] one", text);
        ChatStreamInterruptedException interrupted = Assert.IsType<ChatStreamInterruptedException>(failure);
        Assert.Equal("east", interrupted.EndpointName);
        if (fault is "error" or "failed")
        {
            Assert.Contains("It broke.", interrupted.Message, StringComparison.Ordinal);
        }

        Assert.Equal(1, fleet.StatusOf("east").Failed);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Incomplete_response_says_why(bool streaming, bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, Fault.FinishReason("length"));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(("[east] hello", ChatFinishReason.Length), (answer.Text, answer.Response.FinishReason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Event_of_an_unknown_type_changes_nothing(bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, Fault.UnknownEventAfter(AfterContent));

        Answer answer = await fleet.AskAsync(streaming: true);

        Assert.Equal(("[east] hello", ChatFinishReason.Stop), (answer.Text, answer.Response.FinishReason));
        Assert.Equal(0, fleet.StatusOf("east").Failed);
    }

    [Theory]
    [InlineData("server_error", EndpointFailureReason.Failed, false)]
    [InlineData("server_error", EndpointFailureReason.Failed, true)]
    [InlineData("rate_limit_exceeded", EndpointFailureReason.RateLimited, false)]
    [InlineData("rate_limit_exceeded", EndpointFailureReason.RateLimited, true)]
    public async Task Whole_answer_that_failed_fails_over(string code, EndpointFailureReason reason, bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, Fault.FailedAfter(0, "It broke.", code));

        for (int i = 0; i < 6; i++)
        {
            Assert.DoesNotContain("east", (await fleet.AskAsync(streaming: false)).Text, StringComparison.Ordinal);
        }

        Assert.Equal((0L, reason), (fleet.StatusOf("east").Answered, fleet.StatusOf("east").LastError!.Reason));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task What_the_request_is_to_blame_for_surfaces_at_once(bool streaming, bool readyMade)
    {
        await using Fleet fleet = await StartAsync(readyMade, Fault.FailedAfter(BeforeContent, "The image is no image.", "invalid_image"));

        Exception failure = await Assert.ThrowsAnyAsync<System.ClientModel.ClientResultException>(() => fleet.AskAsync(streaming));

        Assert.Contains("The image is no image.", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    private static Fault FaultOf(string fault, int events) => fault switch
    {
        "empty" => Fault.EmptyBody(),
        "error" or "nested error" => Fault.ErrorEventAfter(events, "It broke.", "server_error"),
        "failed" => Fault.FailedAfter(events, "It broke."),
        "rate limited" => Fault.FailedAfter(events, "Slow down.", "rate_limit_exceeded"),
        "end" => Fault.EndAfter(events),
        _ => Fault.CutAfter(events),
    };

    private static TheoryData<string, bool> Rows(params string[] faults)
    {
        TheoryData<string, bool> rows = [];
        foreach (string fault in faults)
        {
            rows.Add(fault, false);
            rows.Add(fault, true);
        }

        return rows;
    }

    private static Task<Fleet> StartAsync(bool readyMade, Fault fault, bool nested = false) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.Api = EndpointApi.Responses;
        setup.IsReadyMade = readyMade;
        setup.Simulator = options => options.Resources[0]
            .AddFault(fault)
            .AddDeployment(Fleet.Deployment, deployment => deployment.StreamFormat = new StreamFormat { NestedErrors = nested });
    });
}
