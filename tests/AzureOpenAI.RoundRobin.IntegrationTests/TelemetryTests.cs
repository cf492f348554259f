using System.Diagnostics;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What an app exports that follows the readme. Alone, since OpenTelemetry collects from the whole process.</summary>
[CollectionDefinition(nameof(TelemetryTests), DisableParallelization = true)]
[Collection(nameof(TelemetryTests))]
public sealed class TelemetryTests
{
    private const string Prefix = "azure_openai.round_robin.";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_attempt_stands_between_the_chat_and_its_request(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(20)));
        List<Activity> spans = [];
        using IHost host = Start(fleet, spans, []);

        await AskUntilBothWereAskedAsync(host, fleet, streaming);
        host.Services.GetRequiredService<TracerProvider>().ForceFlush();

        Activity refused = Assert.Single(spans, span => span.DisplayName == "attempt east");
        Activity answered = Assert.Single(spans, span => span.DisplayName == "attempt west" && span.ParentSpanId == refused.ParentSpanId);
        Activity chat = Assert.Single(spans, span => span.SpanId == refused.ParentSpanId);
        Assert.Equal("Experimental.Microsoft.Extensions.AI", chat.Source.Name);
        Assert.Equal((ActivityStatusCode.Error, 429, "rate_limited", 1), (refused.Status, refused.GetTagItem("http.response.status_code"), refused.GetTagItem(Prefix + "outcome"), refused.GetTagItem(Prefix + "attempt")));
        Assert.Equal((ActivityStatusCode.Unset, 200, "answered", 2), (answered.Status, answered.GetTagItem("http.response.status_code"), answered.GetTagItem(Prefix + "outcome"), answered.GetTagItem(Prefix + "attempt")));
        Assert.All([refused, answered], attempt => Assert.Single(spans, span => span.Source.Name == "System.Net.Http" && span.ParentSpanId == attempt.SpanId));
        Assert.All(spans.Where(span => span.Source.Name == "System.Net.Http"), request => Assert.StartsWith("attempt ", spans.Single(span => span.SpanId == request.ParentSpanId).DisplayName, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_measurements_say_what_happened(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(20)));
        List<Metric> metrics = [];
        using IHost host = Start(fleet, [], metrics);

        int calls = await AskUntilBothWereAskedAsync(host, fleet, streaming);
        host.Services.GetRequiredService<MeterProvider>().ForceFlush();

        MetricPoint[] attempts = Points(metrics, "attempt.duration");
        Assert.Equal(1, Count(attempts, "endpoint=east", "outcome=rate_limited", "error.type=429", "gen_ai.operation.name=chat"));
        Assert.Equal(calls, Count(attempts, "endpoint=west", "outcome=answered", "gen_ai.operation.name=chat"));
        Assert.Equal(calls, Count(Points(metrics, "call.attempts"), "outcome=answered"));
        Assert.Equal(1, Assert.Single(Points(metrics, "cooldowns"), point => Has(point, "endpoint=east", "reason=rate_limited")).GetSumLong());
        EndpointStatus west = host.Services.GetRequiredService<EndpointPool>().GetStatus().Single(status => status.Name == "west");
        Assert.True(west is { InputTokens: > 0, OutputTokens: > 0 });
        Assert.Equal(west.InputTokens, Assert.Single(Points(metrics, "tokens"), point => Has(point, "endpoint=west", "gen_ai.token.type=input")).GetSumLong());
        Assert.Equal(west.OutputTokens, Assert.Single(Points(metrics, "tokens"), point => Has(point, "endpoint=west", "gen_ai.token.type=output")).GetSumLong());
        Assert.Equal(
            [("healthy", 1), ("probing", 0), ("recovering", 0), ("unavailable", 1)],
            Points(metrics, "endpoints").Select(point => (Tags(point).Single()["state=".Length..], point.GetGaugeLastValueLong())).OrderBy(state => state.Item1, StringComparer.Ordinal));
        Assert.Equal([0, 0], Points(metrics, "in_flight").Select(point => point.GetGaugeLastValueLong()));
    }

    private static IHost Start(Fleet fleet, List<Activity> spans, List<Metric> metrics)
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddAzureOpenAIRoundRobin(options =>
        {
            options.DeploymentName = Fleet.Deployment;
            foreach (SimulatedResource resource in fleet.Azure.Resources)
            {
                options.Endpoints.Add(fleet.EndpointFor(resource));
            }
        }).UseOpenTelemetry();
        builder.Services.AddOpenTelemetry()
            .WithTracing(tracing => tracing.AddSource("AzureOpenAI.RoundRobin", "Experimental.Microsoft.Extensions.AI", "System.Net.Http").AddInMemoryExporter(spans))
            .WithMetrics(metering => metering.AddMeter("AzureOpenAI.RoundRobin").AddInMemoryExporter(metrics));
        IHost host = builder.Build();
        _ = host.Services.GetRequiredService<TracerProvider>();
        _ = host.Services.GetRequiredService<MeterProvider>();
        return host;
    }

    /// <summary>The pool starts anywhere in its rotation, so one or two calls.</summary>
    private static async Task<int> AskUntilBothWereAskedAsync(IHost host, Fleet fleet, bool streaming)
    {
        int calls = 0;
        do
        {
            await host.Services.GetRequiredService<IChatClient>().AskAsync(streaming, "hello", null, Cancellation);
            calls++;
        }
        while (fleet.Attempts("east") == 0);
        return calls;
    }

    private static MetricPoint[] Points(List<Metric> metrics, string name)
    {
        List<MetricPoint> points = [];
        foreach (ref readonly MetricPoint point in metrics.Single(metric => metric.Name == Prefix + name).GetMetricPoints())
        {
            points.Add(point);
        }

        return [.. points];
    }

    private static long Count(MetricPoint[] points, params string[] tags) => points.Where(point => Has(point, tags)).Sum(point => point.GetHistogramCount());

    /// <summary>Has these tags, and no others.</summary>
    private static bool Has(MetricPoint point, params string[] tags) => Tags(point).Order().SequenceEqual(tags.Order());

    private static string[] Tags(MetricPoint point)
    {
        List<string> tags = [];
        foreach (KeyValuePair<string, object?> tag in point.Tags)
        {
            tags.Add($"{tag.Key}={tag.Value}");
        }

        return [.. tags];
    }
}
