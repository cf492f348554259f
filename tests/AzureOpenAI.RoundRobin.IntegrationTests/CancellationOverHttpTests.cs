using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A caller who gives up: the request is aborted, and nobody is blamed.</summary>
public sealed class CancellationOverHttpTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_aborts_the_request_and_blames_nobody(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.NeverAnswer().Times(1));
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        Task<Answer> asked = fleet.AskAsync(streaming, cancellationToken: caller.Token);
        await fleet.WaitForAttemptAsync("east");
        await caller.CancelAsync();

        OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.Equal(caller.Token, exception.CancellationToken);
        IReadOnlyList<LedgerEntry> entries = await fleet.Ledger.WaitForAsync(entries => entries.All(entry => entry.Outcome != LedgerOutcome.InProgress), Cancellation);
        Assert.Equal(LedgerOutcome.AbortedByClient, Assert.Single(entries).Outcome);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0, 0), (status.State, status.Failed, status.InFlight)));

        Assert.Equal("west", (await fleet.AskAsync(streaming)).Endpoint);
        Assert.Equal("east", (await fleet.AskAsync(streaming)).Endpoint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_token_that_is_cancelled_before_costs_nothing_upstream(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fleet.AskAsync(streaming, cancellationToken: new CancellationToken(canceled: true)));

        Assert.Equal(0, fleet.Attempts());
    }

    [Fact]
    public async Task In_the_middle_of_a_stream_it_is_the_callers_wish_too()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.StallAfter(4));
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate update in fleet.Client.GetStreamingResponseAsync("one two three", cancellationToken: caller.Token))
            {
                if (update.Text.Length > 0)
                {
                    await caller.CancelAsync();
                }
            }
        });

        await fleet.Ledger.WaitForAsync(entries => entries is [{ Outcome: LedgerOutcome.AbortedByClient }], Cancellation);
        Assert.Equal((EndpointState.Healthy, 0), (fleet.StatusOf("east").State, fleet.StatusOf("east").Failed));
    }

    [Fact]
    public async Task Who_breaks_off_a_stream_leaves_nothing_running()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.Resource = resource => resource.AddFault(Fault.StallAfter(4)));

        await foreach (ChatResponseUpdate update in fleet.Client.GetStreamingResponseAsync("one two three", cancellationToken: Cancellation))
        {
            if (update.Text.Length > 0)
            {
                break;
            }
        }

        await fleet.Ledger.WaitForAsync(entries => entries is [{ Outcome: LedgerOutcome.AbortedByClient }], Cancellation);
        Assert.Equal((EndpointState.Healthy, 0, 0), (fleet.StatusOf("east").State, fleet.StatusOf("east").Failed, fleet.StatusOf("east").InFlight));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_leaves_the_line_costs_nothing_upstream(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        fleet["east"].Faults.Add(Fault.Throttle(25.Seconds()));
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task<Answer> asked = fleet.AskAsync(streaming, cancellationToken: caller.Token);
        while (fleet.Waiting == 0)
        {
            await Task.Delay(5, Cancellation);
        }

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        Assert.Equal((1, 0, 0), (fleet.Attempts(), fleet.Waiting, fleet.StatusOf("east").InFlight));
    }

    [Fact]
    public async Task Many_who_give_up_take_no_endpoint_out()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.NeverAnswer());
        }

        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task<Answer>[] asked = [.. Enumerable.Range(0, 30).Select(i => fleet.AskAsync(streaming: i % 2 == 0, cancellationToken: caller.Token))];
        await fleet.Ledger.WaitForAsync(entries => entries.Count == 30, Cancellation);
        await caller.CancelAsync();
        foreach (Task<Answer> task in asked)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        }

        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0, 0), (status.State, status.Failed, status.InFlight)));
    }
}
