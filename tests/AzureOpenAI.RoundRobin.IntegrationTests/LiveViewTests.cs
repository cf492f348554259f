using System.Diagnostics.Metrics;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Dashboard.LiveView;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What a client of the sample's live view is sent, and what is held for one that does not take it.</summary>
public sealed class LiveViewTests : IDisposable
{
    // Meters of its own: other tests measure on the shared one.
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(500);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public async Task A_frame_tells_states_failovers_and_calls_and_no_secret()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator
            .AddResource("east", static east => east.AddFault(Fault.Throttle(TimeSpan.FromSeconds(20))))
            .AddResource("west"), Cancellation);
        FakeTimeProvider time = new();
        using EndpointPool pool = Over(azure, time);
        using RoundRobinChatClient client = new(pool, leaveOpen: true);
        await using IAsyncEnumerator<SseItem<string>> frames = LiveFeed.ReadAsync(pool, time, Meters, CancellationToken.None, Cancellation).GetAsyncEnumerator(Cancellation);

        Assert.True(await frames.MoveNextAsync());
        JsonElement before = JsonElement.Parse(frames.Current.Data);
        await client.GetResponseAsync("Hello", cancellationToken: Cancellation);
        await client.GetResponseAsync("Hello", cancellationToken: Cancellation);
        ValueTask<bool> next = frames.MoveNextAsync();
        time.Advance(Frame);
        Assert.True(await next);
        JsonElement after = JsonElement.Parse(frames.Current.Data);

        Assert.Equal("healthy", before.GetProperty("endpoints")[0].GetProperty("state").GetString());
        JsonElement east = after.GetProperty("endpoints")[0];
        Assert.Equal(("east", "unavailable", "rate limited", 1), (
            east.GetProperty("name").GetString(), east.GetProperty("state").GetString(), east.GetProperty("reason").GetString(), east.GetProperty("rateLimited").GetInt32()));
        Assert.Equal(19.5, east.GetProperty("readyIn").GetDouble(), tolerance: 0.1);
        Assert.Equal((2, 1, 0), (Calls("answered"), Calls("movedOn"), Calls("lost")));
        Assert.Equal(
            [("failover", "east", "rate limited (429)"), ("unavailable", "east", "rate limited")],
            after.GetProperty("events").EnumerateArray().Select(happened => (
                happened.GetProperty("kind").GetString(), happened.GetProperty("endpoint").GetString(), happened.GetProperty("reason").GetString())).Order());
        Assert.All(azure.Resources, resource => Assert.DoesNotContain(resource.ApiKey, after.GetRawText(), StringComparison.Ordinal));
        Assert.DoesNotContain("127.0.0.1", after.GetRawText(), StringComparison.Ordinal);

        int Calls(string name) => after.GetProperty("calls").GetProperty(name).GetInt32();
    }

    [Fact]
    public void What_is_held_for_a_client_that_never_reads_is_bounded_and_drops_the_oldest()
    {
        Histogram<double> duration = Meters.Create("AzureOpenAI.RoundRobin").CreateHistogram<double>("azure_openai.round_robin.attempt.duration");
        using Observations observations = new(TimeProvider.System, Meters);

        for (int i = 0; i < 1_000; i++)
        {
            duration.Record(1, new("endpoint", $"made-up-{i}"), new("outcome", "failed"), new("error.type", "500"));
        }

        string[] held = [.. observations.TakeEvents().Select(static happened => happened.Endpoint)];
        Assert.Equal(Enumerable.Range(936, 64).Select(static i => $"made-up-{i}"), held);
        Assert.Empty(observations.TakeEvents());
    }

    [Fact]
    public async Task It_ends_with_its_client_and_with_the_app()
    {
        FakeTimeProvider time = new();
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(static simulator => simulator.AddResource("east"), Cancellation);
        using EndpointPool pool = Over(azure, time);
        using CancellationTokenSource client = new();
        using CancellationTokenSource app = new();
        await using IAsyncEnumerator<SseItem<string>> left = LiveFeed.ReadAsync(pool, time, Meters, Cancellation, client.Token).GetAsyncEnumerator(Cancellation);
        await using IAsyncEnumerator<SseItem<string>> stopped = LiveFeed.ReadAsync(pool, time, Meters, app.Token, Cancellation).GetAsyncEnumerator(Cancellation);
        Assert.True(await left.MoveNextAsync());
        Assert.True(await stopped.MoveNextAsync());

        await client.CancelAsync();
        await app.CancelAsync();

        Assert.False(await left.MoveNextAsync());
        Assert.False(await stopped.MoveNextAsync());
    }

    private EndpointPool Over(AzureOpenAISimulator azure, TimeProvider time)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        foreach (SimulatedResource resource in azure.Resources)
        {
            options.Endpoints.Add(new EndpointOptions { Name = resource.Name, Endpoint = resource.Endpoint, ApiKey = resource.ApiKey });
        }

        return new EndpointPool(options, timeProvider: time, meterFactory: Meters);
    }
}
