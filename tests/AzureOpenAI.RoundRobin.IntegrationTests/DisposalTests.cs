using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

public sealed class DisposalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Running_calls_end_and_new_ones_are_refused(bool streaming)
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Simulator = options => options.Responder = async (request, cancellation) =>
        {
            await gate.Task.WaitAsync(cancellation);
            return $"[{request.Resource}] at last";
        });

        Task<Answer> running = fleet.AskAsync(streaming);
        await fleet.WaitForAttemptAsync("east");
        fleet.Client.Dispose();
        fleet.Client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => fleet.AskAsync(streaming));
        Assert.Throws<ObjectDisposedException>(() => fleet.Pool.Next());
        Assert.False(running.IsCompleted);
        gate.SetResult();
        Assert.Equal("[east] at last", (await running).Text);
        Assert.Equal(1, fleet.Attempts());
    }

    [Fact]
    public async Task A_stream_that_is_being_read_goes_on_to_its_end()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        string text = "";
        await foreach (ChatResponseUpdate update in fleet.Client.GetStreamingResponseAsync("one two three four", cancellationToken: Cancellation))
        {
            fleet.Pool.Dispose();
            text += update.Text;
        }

        Assert.Equal("[east] one two three four", text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_that_wait_in_line_are_woken(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        fleet["east"].Faults.Add(Fault.Throttle(25.Seconds()));
        Task<Answer>[] waiting = [.. Enumerable.Range(0, 3).Select(_ => fleet.AskAsync(streaming))];
        while (fleet.Waiting < waiting.Length)
        {
            await Task.Delay(5, Cancellation);
        }

        fleet.Pool.Dispose();

        foreach (Task<Answer> call in waiting)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => call);
        }
    }

    [Fact]
    public async Task The_pool_closes_its_own_connections()
    {
        using KeepAliveServer server = new();
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        options.Endpoints.Add(new EndpointOptions { Endpoint = server.Endpoint, ApiKey = "a-key-of-a-test" });
        EndpointPool pool = new(options);
        using RoundRobinChatClient client = new(pool, leaveOpen: true);
        Assert.Equal("hi", (await client.AskAsync(streaming: false, "hello", null, Cancellation)).Text);

        client.Dispose();
        Assert.False(server.Closed.IsCompleted);
        pool.Dispose();

        await server.Closed.WaitAsync(Cancellation);
    }

    [Fact]
    public async Task An_HttpClient_that_was_given_stays_its_owners()
    {
        RecordingHandler wire = new();
        using HttpClient http = new(wire);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Pool = options => options.HttpClient = http);
        await fleet.AskAsync(streaming: false, times: 2);

        fleet.Client.Dispose();

        Assert.False(wire.IsDisposed);
        Assert.Equal(2, wire.Sent.Count);
        using HttpResponseMessage response = await http.GetAsync(fleet["east"].Endpoint, Cancellation);
        Assert.NotNull(response);
    }
}
