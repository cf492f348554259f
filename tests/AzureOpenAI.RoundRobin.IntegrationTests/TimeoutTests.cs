using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Endpoints that take a call and keep it. Simulated time: a hundred seconds pass at once, and only where a test says so.</summary>
public sealed class TimeoutTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(100);

    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("never answer", false)]
    [InlineData("never answer", true)]
    [InlineData("stall", false)]
    [InlineData("stall", true)]
    public async Task An_attempt_that_runs_out_of_time_goes_elsewhere(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Named(fault));

        Task<Answer> asked = fleet.AskAsync(streaming);
        await fleet.WaitForAttemptAsync("east");
        await _time.AdvanceUntilAsync(Limit, () => fleet.StatusOf("east").Failed == 1);

        Assert.Equal(("[west] hello", 2), ((await asked).Text, (await asked).Attempts));
        await fleet.Ledger.WaitForAsync(
            entries => entries.Any(entry => entry is { Resource: "east", Outcome: LedgerOutcome.AbortedByClient }), Cancellation);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_last_untried_endpoint_that_runs_out_of_time_ends_the_call(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.NeverAnswer());
        }

        Task<Answer> asked = fleet.AskAsync(streaming);
        await fleet.WaitForAttemptAsync("east");
        await _time.AdvanceUntilAsync(Limit, () => fleet.StatusOf("east").Failed == 1);
        await fleet.WaitForAttemptAsync("west");
        await _time.AdvanceUntilAsync(Limit, () => asked.IsCompleted);

        TimeoutException exception = await Assert.ThrowsAsync<TimeoutException>(() => asked);
        Assert.Contains("'west'", exception.Message, StringComparison.Ordinal);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(EndpointState.Healthy, status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_calls_in_a_row_that_ended_so_take_the_endpoint_out(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.NeverAnswer());

        for (int i = 1; i <= 2; i++)
        {
            Task<Answer> asked = fleet.AskAsync(streaming);
            await fleet.Ledger.WaitForAsync(entries => entries.Count(entry => entry.Resource == "east") == i, Cancellation);
            await _time.AdvanceUntilAsync(Limit, () => fleet.StatusOf("east").Failed == i);
            Assert.Equal("west", (await asked).Endpoint);
            if (i == 1)
            {
                Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);
            }
        }

        Assert.Equal(EndpointFailureReason.TimedOut, fleet.StatusOf("east").Reason);
        await fleet.AskAsync(streaming, times: 4);
        Assert.Equal(2, fleet.Attempts("east"));
    }

    [Fact]
    public async Task A_deadline_to_the_first_content_cuts_the_wait_short()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.Time = _time;
            setup.Pool = static options => options.FirstContentTimeout = 5.Seconds();
        });
        fleet["east"].Faults.Add(Fault.StallAfter(2));

        Task<Answer> asked = fleet.AskAsync(streaming: true);
        await fleet.WaitForAttemptAsync("east");
        await _time.AdvanceUntilAsync(5.Seconds(), () => fleet.StatusOf("east").Failed == 1);

        Assert.Equal("[west] hello", (await asked).Text);
    }

    [Fact]
    public async Task A_stream_that_stalls_after_content_is_interrupted_by_name()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = _time);
        fleet["east"].Faults.Add(Fault.StallAfter(4));
        TaskCompletionSource content = new(TaskCreationOptions.RunContinuationsAsynchronously);

        Task<(string Text, Exception? Failure)> read = Noting(fleet.Client.GetStreamingResponseAsync("one two three", cancellationToken: Cancellation), content).ReadAsync();
        await content.Task.WaitAsync(Cancellation);
        await _time.AdvanceUntilAsync(Limit, () => read.IsCompleted);

        (string text, Exception? failure) = await read;
        Assert.Equal("east", Assert.IsType<ChatStreamInterruptedException>(failure).EndpointName);
        Assert.StartsWith("[east]", text, StringComparison.Ordinal);
        Assert.Equal(0, fleet.Attempts("west"));
    }

    [Fact]
    public async Task A_stream_may_take_longer_than_the_limit_while_updates_come()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup =>
        {
            setup.Time = _time;
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment, deployment => deployment.ChunkLatency = Latency.Constant(30.Seconds()));
        });

        int seen = 0;
        string text = "";
        await foreach (ChatResponseUpdate update in Paced())
        {
            text += update.Text;
        }

        Assert.Equal("[east] one two three four five six", text);
        Assert.Equal(0, fleet.StatusOf("east").Failed);
        Assert.True(seen > 4);

        async IAsyncEnumerable<ChatResponseUpdate> Paced()
        {
            await using IAsyncEnumerator<ChatResponseUpdate> stream = fleet.Client.GetStreamingResponseAsync("one two three four five six", cancellationToken: Cancellation).GetAsyncEnumerator(Cancellation);
            while (true)
            {
                ValueTask<bool> pending = stream.MoveNextAsync();
                Task<bool> moved = pending.AsTask();
                if (seen > 2)
                {
                    await _time.AdvanceUntilAsync(31.Seconds(), () => moved.IsCompleted);
                }

                if (!await moved)
                {
                    yield break;
                }

                seen++;
                yield return stream.Current;
            }
        }
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Noting(IAsyncEnumerable<ChatResponseUpdate> stream, TaskCompletionSource content)
    {
        await foreach (ChatResponseUpdate update in stream)
        {
            yield return update;
            if (update.Text.Contains("one", StringComparison.Ordinal) || update.Text.Contains("east", StringComparison.Ordinal))
            {
                content.TrySetResult();
            }
        }
    }

    private static Fault Named(string fault) => fault == "stall" ? Fault.StallAfter(2) : Fault.NeverAnswer();
}
