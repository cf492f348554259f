using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>More calls than the quota takes at once: they wait in line, and the resources are not hammered meanwhile.</summary>
public sealed class OverloadTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_burst_is_answered_in_full_without_a_storm(bool streaming)
    {
        const int Calls = 300;
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup => setup.Resource = resource => resource.AddDeployment(
            Fleet.Deployment,
            deployment =>
            {
                deployment.RequestsPerMinute = 3600;
                deployment.RequestWindow = TimeSpan.FromSeconds(1);
            }));

        await fleet.AskAsync(streaming, times: 9);
        fleet.Ledger.Clear();

        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, Calls).Select(i => fleet.AskAsync(streaming, $"question {i}")));

        Assert.Equal(Enumerable.Range(0, Calls).Select(i => $"[{answers[i].Endpoint}] question {i}"), answers.Select(answer => answer.Text));
        Assert.Equal(Calls, fleet.Azure.Resources.Sum(resource => fleet.Ledger.Count(resource.Name).Answered));
        // The first 300 at once are rejected in part whatever the pool does; after that it must wait rather than knock.
        Assert.InRange(fleet.Attempts(), Calls, 2 * Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_that_would_wait_too_long_is_refused_at_once_with_the_time(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Pool = options => options.MaxWait = 5.Seconds());
        fleet["east"].Faults.Add(Fault.Throttle(40.Seconds()));
        fleet["west"].Faults.Add(Fault.Throttle(20.Seconds()));

        EndpointsExhaustedException first = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));
        Assert.Equal(429, first.Status);
        Assert.InRange(first.RetryAfter!.Value, 1.Seconds(), 20.Seconds());

        // Those who come after it are not even tried.
        EndpointsExhaustedException next = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming));
        Assert.Equal(429, next.Status);
        Assert.InRange(next.RetryAfter!.Value, 1.Seconds(), 20.Seconds());
        Assert.Equal(2, next.Attempts.Count);
        Assert.NotNull(next.GetRawResponse());
        Assert.Equal(2, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_short_wait_is_waited_out(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(300)).Times(1));
        fleet["west"].Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(400)).Times(1));

        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => fleet.AskAsync(streaming)));

        Assert.All(answers, answer => Assert.EndsWith("hello", answer.Text, StringComparison.Ordinal));
        Assert.InRange(fleet.Attempts(), 10, 14);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_refuses_and_comes_back_while_calls_wait(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        await fleet["east"].StopListeningAsync();
        await fleet["west"].StopListeningAsync();
        Task<Answer[]> asked = Task.WhenAll(Enumerable.Range(0, 10).Select(_ => fleet.AskAsync(streaming)));
        while (fleet.Pool.GetStatus().Any(status => status.Failed < 2))
        {
            await Task.Delay(5, Cancellation);
        }

        await fleet["east"].StartListeningAsync();
        await fleet["west"].StartListeningAsync();

        Assert.All(await asked, answer => Assert.EndsWith("hello", answer.Text, StringComparison.Ordinal));
    }
}
