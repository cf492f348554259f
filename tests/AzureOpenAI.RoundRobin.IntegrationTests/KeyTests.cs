using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A key goes to its own resource and nowhere else: not to another one, not into a text.</summary>
public sealed class KeyTests
{
    private static readonly string[] Names = ["east", "west", "north"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, bool> AnyFault => Faults.All;

    [Theory]
    [MemberData(nameof(AnyFault))]
    public async Task No_resource_ever_sees_the_key_of_another(string fault, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(Names, setup => setup.IsV1 = fault.Length % 2 == 0);
        fleet["east"].Faults.Add(Faults.Named(fault, TimeProvider.System));

        await Parallel.ForEachAsync(Enumerable.Range(0, 12), Cancellation, async (_, _) => await fleet.AskAsync(streaming));

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(entry.Resource, entry.PresentedKey));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_redirect_to_another_resource_is_not_followed(bool streaming, bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = v1);
        Uri elsewhere = new(fleet["west"].Endpoint, v1 ? "openai/v1/chat/completions" : "openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
        fleet["east"].Faults.Add(Fault.Redirect(elsewhere));

        await fleet.AskAsync(streaming, times: 6);

        Assert.Equal(1, fleet.Attempts("east"));
        Assert.All(fleet.Ledger.Snapshot("west"), entry => Assert.Equal("west", entry.PresentedKey));
        Assert.Equal(6, fleet.Attempts("west"));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_redirect_to_a_foreign_server_is_not_followed(bool streaming, bool v1)
    {
        await using Fleet foreign = await Fleet.StartAsync(["stranger"]);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = v1);
        Uri elsewhere = new(foreign["stranger"].Endpoint, "openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
        fleet["east"].Faults.Add(Fault.Redirect(elsewhere));

        await fleet.AskAsync(streaming, times: 6);

        Assert.Equal(0, foreign.Attempts());
    }

    [Theory]
    [InlineData(301, false)]
    [InlineData(303, true)]
    [InlineData(307, false)]
    [InlineData(307, true)]
    [InlineData(308, false)]
    [InlineData(308, true)]
    public async Task A_redirect_that_keeps_the_method_or_does_not_carries_no_key(int status, bool streaming)
    {
        await using Fleet foreign = await Fleet.StartAsync(["stranger"]);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(RedirectTo(foreign, status));

        await fleet.AskAsync(streaming, times: 4);

        Assert.Equal((0, 1, 4), (foreign.Attempts(), fleet.Attempts("east"), fleet.Attempts("west")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_given_client_that_follows_redirects_is_found_out_at_the_first(bool streaming)
    {
        using HttpClient given = new() { Timeout = Timeout.InfiniteTimeSpan };
        await using Fleet foreign = await Fleet.StartAsync(["stranger"]);
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.Pool = options => options.HttpClient = given);
        fleet["east"].Faults.Add(RedirectTo(foreign, 307));

        await fleet.AskAsync(streaming, times: 6);

        Assert.Equal((1, 6), (foreign.Attempts(), fleet.Attempts("west")));
        EndpointStatus east = fleet.Pool.GetStatus()[0];
        Assert.Equal(EndpointState.Unavailable, east.State);
        Assert.Contains("AllowAutoRedirect", east.LastError!.Exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(302)]
    [InlineData(307)]
    public async Task A_redirect_is_not_followed_while_the_switch_is_off_either(int status)
    {
        await using Fleet foreign = await Fleet.StartAsync(["stranger"]);
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        fleet["east"].Faults.Add(RedirectTo(foreign, status));
        using IChatClient client = AzureOpenAIRoundRobin.CreateFromEnvironment(options =>
        {
            options.Enabled = false;
            options.DeploymentName = Fleet.Deployment;
            options.Endpoints.Add(fleet.EndpointFor(fleet["east"]));
        });

        await Assert.ThrowsAnyAsync<Exception>(() => client.GetResponseAsync("hello", cancellationToken: Cancellation));

        Assert.Equal(0, foreign.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_text_that_anybody_can_read_holds_a_key(bool streaming)
    {
        ConcurrentQueue<string> texts = new();
        using ActivityListener listener = new()
        {
            ShouldListenTo = static _ => true,
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => texts.Enqueue(Describe(activity)),
        };
        ActivitySource.AddActivityListener(listener);
        using MeterListener meters = new();
        meters.InstrumentPublished = static (instrument, meters) => meters.EnableMeasurementEvents(instrument);
        meters.SetMeasurementEventCallback<double>((instrument, _, tags, _) => texts.Enqueue(Describe(instrument, tags)));
        meters.SetMeasurementEventCallback<long>((instrument, _, tags, _) => texts.Enqueue(Describe(instrument, tags)));
        meters.SetMeasurementEventCallback<int>((instrument, _, tags, _) => texts.Enqueue(Describe(instrument, tags)));
        meters.Start();

        foreach (string fault in Faults.All.Where(row => row.Data.Item2 == streaming).Select(row => row.Data.Item1).Append("refused"))
        {
            await using Fleet fleet = await Fleet.StartAsync(Names, setup => setup.Pool = options => options.MaxWait = TimeSpan.Zero);
            foreach (SimulatedResource resource in fleet.Azure.Resources)
            {
                if (fault == "refused")
                {
                    await resource.StopListeningAsync();
                }
                else
                {
                    resource.Faults.Add(Faults.Named(fault, TimeProvider.System));
                }
            }

            for (int i = 0; i < 3; i++)
            {
                Exception exception = await Assert.ThrowsAnyAsync<Exception>(() => fleet.AskAsync(streaming));
                texts.Enqueue(exception.ToString());
                texts.Enqueue(string.Join(' ', (exception as EndpointsExhaustedException)?.Attempts.Select(attempt => $"{attempt} {attempt.Exception}") ?? []));
            }

            foreach (FakeLogRecord record in fleet.Logs.GetSnapshot())
            {
                texts.Enqueue($"{record} {record.Exception} {string.Join(' ', record.StructuredState ?? [])}");
            }

            foreach (EndpointStatus status in fleet.Pool.GetStatus())
            {
                texts.Enqueue($"{status} {status.Reason} {status.LastError} {status.LastError?.Exception}");
            }

            meters.RecordObservableInstruments();
            foreach (HealthReportEntry entry in (await fleet.CheckHealthAsync()).Entries.Values)
            {
                texts.Enqueue($"{entry.Description} {entry.Exception} {string.Join(' ', entry.Data)}");
            }

            texts.Enqueue($"{fleet.Pool} {fleet.Client} {fleet.Pool.NextClient()} {fleet.Pool.Next()} {fleet.EndpointFor(fleet["east"])}");
            string[] keys = [.. fleet.Azure.Resources.Select(resource => resource.ApiKey)];
            Assert.All(keys, key => Assert.True(key.Length >= 8));
            Assert.All(
                new[] { "attempt east", "attempt.duration", "call.attempts", "round_robin.endpoints", "round_robin.in_flight" },
                emitted => Assert.Contains(texts, text => text.Contains(emitted, StringComparison.Ordinal)));
            Assert.DoesNotContain(texts, text => keys.Any(key => text.Contains(key, StringComparison.OrdinalIgnoreCase)));
            texts.Clear();
        }
    }

    private static Fault RedirectTo(Fleet foreign, int status) => Fault.Response(status, "")
        .WithHeader("Location", new Uri(foreign["stranger"].Endpoint, "openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21").OriginalString);

    private static string Describe(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        $"{instrument.Name} {instrument.Description} {string.Join(' ', tags.ToArray())}";

    private static string Describe(Activity activity) =>
        $"{activity.DisplayName} {activity.StatusDescription} {string.Join(' ', activity.TagObjects)} {string.Join(' ', activity.Baggage)} "
        + string.Join(' ', activity.Events.Select(@event => $"{@event.Name} {string.Join(' ', @event.Tags)}"));
}
