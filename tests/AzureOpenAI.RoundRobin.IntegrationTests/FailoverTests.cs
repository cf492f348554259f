using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>One endpoint fails in every way there is: the caller of the day notices nothing.</summary>
public sealed class FailoverTests
{
    public static TheoryData<string, bool> AnyFault => Faults.All;

    public static TheoryData<string, bool> AnyStatus => Faults.WithStatus;

    [Theory]
    [MemberData(nameof(AnyFault))]
    public async Task Another_endpoint_takes_over_at_once(string fault, bool streaming)
    {
        FakeTimeProvider time = new(DateTimeOffset.UtcNow);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = time);
        fleet["east"].Faults.Add(Faults.Named(fault, time));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal("[west] hello", answer.Text);
        Assert.Equal(("west", 2), (answer.Endpoint, answer.Attempts));
        Assert.Equal(ChatFinishReason.Stop, answer.Response.FinishReason);
        Assert.Equal(["east", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    [Theory]
    [MemberData(nameof(AnyFault))]
    public async Task A_busy_pool_loses_no_call(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);
        fleet["east"].Faults.Add(Faults.Named(fault, TimeProvider.System));

        await Parallel.ForEachAsync(
            Enumerable.Range(0, 40), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) =>
            {
                Answer answer = await fleet.AskAsync(streaming, $"question {i}");
                Assert.Equal($"[{answer.Endpoint}] question {i}", answer.Text);
            });

        Assert.Equal(40, fleet.Ledger.Count("west").Answered + fleet.Ledger.Count("north").Answered);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_refused_connection_goes_elsewhere_and_its_return_on_the_same_port_is_noticed(bool streaming)
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Time = time);
        await fleet["east"].StopListeningAsync();

        await fleet.AskAsync(streaming, times: 4);
        Assert.Equal(4, fleet.Attempts("west"));
        Assert.Equal(EndpointFailureReason.Unreachable, fleet.StatusOf("east").Reason);
        Assert.InRange(fleet.StatusOf("east").ReadyIn!.Value, TimeSpan.FromTicks(1), 1.1.Seconds());

        await fleet["east"].StartListeningAsync();
        time.Advance(1.2.Seconds());
        await fleet.AskAsync(streaming, times: 40);

        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);
        Assert.InRange(fleet.Attempts("east"), 18, 24);
        Assert.Equal(44, fleet.Attempts());
    }

    [Theory]
    [MemberData(nameof(AnyStatus))]
    public async Task A_pool_of_one_throws_the_SDKs_own_exception(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.Pool = options => options.MaxWait = TimeSpan.Zero);
        fleet["east"].Faults.Add(Faults.Named(fault, TimeProvider.System).WithHeader("x-proof", "of the answer"));

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming));

        Assert.Equal(Faults.StatusOf(fault), exception.Status);
        Assert.True(exception.GetRawResponse()!.Headers.TryGetValue("x-proof", out string? proof));
        Assert.Equal("of the answer", proof);
        Assert.Equal(1, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Where_nothing_is_left_the_429_with_the_soonest_time_speaks_for_the_call(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Pool = options => options.MaxWait = TimeSpan.Zero);
        fleet["east"].Faults.Add(Fault.Throttle(25.Seconds()).WithHeader("x-from", "east"));
        fleet["west"].Faults.Add(Fault.Throttle(12.Seconds()).WithHeader("x-from", "west"));
        fleet["north"].Faults.Add(Fault.Status(500).WithHeader("x-from", "north"));

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        Assert.Equal(429, exception.Status);
        Assert.True(exception.GetRawResponse()!.Headers.TryGetValue("x-from", out string? from));
        Assert.Equal("west", from);
        Dictionary<string, EndpointAttempt> attempts = exception.Attempts.ToDictionary(attempt => attempt.EndpointName);
        Assert.Equal((429, 25.Seconds()), (attempts["east"].Status, attempts["east"].RetryAfter));
        Assert.Equal((429, 12.Seconds()), (attempts["west"].Status, attempts["west"].RetryAfter));
        Assert.Equal((500, null), (attempts["north"].Status, attempts["north"].RetryAfter));
        Assert.All(attempts.Values, attempt => Assert.IsType<ClientResultException>(attempt.Exception));
        Assert.Contains("'west' rate limited (429)", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_a_429_the_last_answer_over_HTTP_speaks_for_the_call(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Pool = options => options.MaxWait = TimeSpan.Zero);
        fleet["east"].Faults.Add(Fault.Status(500));
        fleet["west"].Faults.Add(Fault.Status(503).WithHeader("x-from", "west"));
        await fleet["north"].StopListeningAsync();

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        Assert.Equal(503, exception.Status);
        Assert.True(exception.GetRawResponse()!.Headers.TryGetValue("x-from", out string? from));
        Assert.Equal("west", from);
        Assert.Equal([500, 503, null], exception.Attempts.Select(attempt => attempt.Status));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Where_nobody_answered_over_HTTP_there_is_neither_status_nor_response(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Pool = options => options.MaxWait = TimeSpan.Zero);
        await fleet["east"].StopListeningAsync();
        await fleet["west"].StopListeningAsync();

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        Assert.Equal(0, exception.Status);
        Assert.Null(exception.GetRawResponse());
        Assert.Equal([EndpointFailureReason.Unreachable, EndpointFailureReason.Unreachable], exception.Attempts.Select(attempt => attempt.Reason));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_tries_no_endpoint_twice_while_another_fit_one_is_untried(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["a", "b", "c", "d", "e"]);
        foreach (string name in new[] { "a", "b", "c", "d" })
        {
            fleet[name].Faults.Add(Fault.Status(500));
        }

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(("e", 5), (answer.Endpoint, answer.Attempts));
        Assert.Equal(["a", "b", "c", "d", "e"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxAttempts_ends_the_call_while_others_are_still_fit(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["a", "b", "c"], setup => setup.Pool = options => options.MaxAttempts = 2);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.Status(500));
        }

        EndpointsExhaustedException exception = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));

        Assert.Equal((500, 2), (exception.Status, exception.Attempts.Count));
        Assert.Equal(2, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pool_of_one_is_asked_again_after_a_fault(bool streaming)
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.Time = time);
        fleet["east"].Faults.Add(Fault.Status(500).Times(1));

        Task<Answer> asked = fleet.AskAsync(streaming);
        await time.AdvanceUntilAsync(0.5.Seconds(), () => asked.IsCompleted);

        Assert.Equal(("[east] hello", 2), ((await asked).Text, (await asked).Attempts));
    }
}
