using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>Jobs in the background: asking for their result is no new work, and they are cancelled and deleted where they run.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class BackgroundTests
{
    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Poll_is_answered_at_once_while_its_endpoint_is_throttled(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromMinutes(2)).ForOperation(ApiOperation.Responses));
        await fleet.AskAsync(streaming: false, times: 3);
        Assert.Equal(EndpointState.Unavailable, fleet.StatusOf("east").State);

        for (int i = 0; i < 3; i++)
        {
            Answer done = await fleet.Client.AskAsync(streaming, [], Continue(queued.ContinuationToken), Cancellation);
            Assert.Equal(("[east] work", "east", 1), (done.Text, done.Endpoint, done.Attempts));
        }

        EndpointStatus east = fleet.StatusOf("east");
        Assert.Equal(EndpointState.Unavailable, east.State);
        Assert.InRange(east.ReadyIn!.Value, TimeSpan.FromSeconds(100), TimeSpan.FromSeconds(120));
    }

    [Fact]
    public async Task Polls_take_no_turn_and_no_room_in_a_limit()
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await StartAsync(setup =>
        {
            setup.Time = time;
            setup.Endpoint = (_, endpoint) => endpoint.RequestsPerMinute = 60;
        });
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);

        for (int i = 0; i < 10; i++)
        {
            await fleet.Client.GetResponseAsync([], Continue(queued.ContinuationToken), Cancellation);
        }

        await fleet.AskAsync(streaming: false, times: 2);
        Assert.Equal([11, 1, 1], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("east", (await fleet.AskAsync(streaming: false)).Endpoint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Job_that_failed_tells_its_caller_and_blames_nobody(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        fleet["east"].Faults.Add(Fault.FailedAfter(0, "It broke.").ForOperation(streaming ? ApiOperation.ResponseRead : ApiOperation.Responses));
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);

        ClientResultException exception = await Assert.ThrowsAnyAsync<ClientResultException>(() => fleet.Client.AskAsync(streaming, [], Continue(queued.ContinuationToken), Cancellation));

        Assert.Contains("It broke.", exception.Message, StringComparison.Ordinal);
        Assert.Equal([2, 0, 0], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Poll_whose_endpoint_fails_is_repeated_there_and_nowhere_else(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);
        fleet["east"].Faults.Add(Fault.Status(503).ForOperation(ApiOperation.ResponseRead).Times(1));

        Answer done = await fleet.Client.AskAsync(streaming, [], Continue(queued.ContinuationToken), Cancellation);

        Assert.Equal(("[east] work", 2), (done.Text, done.Attempts));
        Assert.Equal([3, 0, 0], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
    }

    [Fact]
    public async Task Job_is_cancelled_and_deleted_where_it_runs_by_any_process()
    {
        await using Fleet fleet = await StartAsync(setup => setup.Resource = resource => resource.Latency = Latency.Constant(TimeSpan.FromHours(1)));
        using EndpointPool other = fleet.CreatePool();
        List<ChatResponse> jobs = [];
        for (int i = 0; i < 6; i++)
        {
            jobs.Add(await fleet.Client.GetResponseAsync("work", InBackground, Cancellation));
        }

        foreach (ChatResponse job in jobs)
        {
            ResponseResult cancelled = await other.InvokeAsync(
                async (client, id, token) => (await client.Client.GetResponsesClient().CancelResponseAsync(id, token)).Value, job.ResponseId!, Cancellation);
            Assert.Equal(ResponseStatus.Cancelled, cancelled.Status);
            ChatResponse polled = await fleet.Client.GetResponseAsync([], Continue(job.ContinuationToken), Cancellation);
            Assert.Equal((ResponseStatus.Cancelled, ""), (((ResponseResult)polled.RawRepresentation!).Status, polled.Text));
            ResponsesClient home = other.EndpointOf(job.ResponseId!, out string own).Client.GetResponsesClient();
            Assert.True((await home.DeleteResponseAsync(own, Cancellation)).Value.Deleted);
        }

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(200, entry.Status));
        Assert.Equal([8, 8, 8], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
    }

    [Fact]
    public async Task Id_that_an_operation_got_can_be_marked()
    {
        await using Fleet fleet = await StartAsync();
        string marked = await fleet.Pool.InvokeAsync(
            async (client, token) => client.MarkId((await client.Client.GetResponsesClient().AsIChatClient(client.DeploymentName).GetResponseAsync("hello", cancellationToken: token)).ResponseId!),
            cancellationToken: Cancellation);
        using EndpointPool other = fleet.CreatePool();

        ResponseResult read = await other.InvokeAsync(async (client, id, token) => (await client.Client.GetResponsesClient().GetResponseAsync(id, cancellationToken: token)).Value, marked, Cancellation);

        Assert.Equal(read.Id, marked[..^15]);
        Assert.Equal(("east", read.Id), (other.EndpointOf(marked, out string own).EndpointName, own));
    }

    [Fact]
    public async Task Id_without_a_mark_or_of_an_endpoint_that_left_is_refused_at_once()
    {
        await using Fleet fleet = await StartAsync();
        string id = (await fleet.AskAsync(streaming: false)).Response.ResponseId!;
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        options.Endpoints.Add(fleet.EndpointFor(fleet["west"]));
        fleet.Pool.Update(options);

        await Assert.ThrowsAsync<ArgumentException>(() => fleet.Pool.InvokeAsync((_, _, _) => Task.FromResult(true), "resp_1", Cancellation));
        ConversationUnavailableException left = await Assert.ThrowsAsync<ConversationUnavailableException>(() => fleet.Pool.InvokeAsync((_, _, _) => Task.FromResult(true), id, Cancellation));

        Assert.Equal("east", left.EndpointName);
        Assert.Throws<ConversationUnavailableException>(() => fleet.Pool.EndpointOf(id, out _));
    }

    private static ChatOptions Continue(ResponseContinuationToken? token) => new() { AllowBackgroundResponses = true, ContinuationToken = token };

    private static Task<Fleet> StartAsync(Action<FleetSetup>? configure = null) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.Api = EndpointApi.Responses;
        configure?.Invoke(setup);
    });
}
