using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.Outcomes;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>An app that exports the instruments as OpenTelemetry's exporter for Prometheus does, each of them measured once with every word that it knows.</summary>
internal sealed partial class MeasuredApp : IAsyncDisposable
{
    private const string Endpoint = "sweden";

    private readonly WebApplication _app;
    private readonly EndpointPool _pool;

    private MeasuredApp(WebApplication app, EndpointPool pool)
    {
        _app = app;
        _pool = pool;
        Address = new Uri(app.Urls.Single());
    }

    public Uri Address { get; }

    public static async Task<MeasuredApp> StartAsync(CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddOpenTelemetry().WithMetrics(static metrics => metrics.AddMeter(Instruments.MeterName).AddPrometheusExporter());
        builder.Services.AddAzureOpenAIRoundRobin(static options =>
        {
            options.DeploymentName = "gpt-4o";
            options.Endpoints.Add(new EndpointOptions { Name = Endpoint, Endpoint = new Uri("https://contoso-sweden.openai.azure.com"), ApiKey = "never-sent" });
        });
        // Nothing listens there.
        builder.Services.AddAzureOpenAIRoundRobinRedis(static options => (options.ConnectionString, options.StartWait) = ("127.0.0.1:1,connectTimeout=100", TimeSpan.Zero));
        WebApplication app = builder.Build();
        app.MapPrometheusScrapingEndpoint();
        await app.StartAsync(cancellationToken);
        EndpointPool pool = app.Services.GetRequiredService<EndpointPool>();
        Measure(Instruments.Of(app.Services.GetRequiredService<IMeterFactory>()));
        return new MeasuredApp(app, pool);
    }

    /// <summary>The metrics as an app exports them, each with its labels and their values.</summary>
    public async Task<ILookup<string, (string Label, string Value)>> ScrapeAsync(CancellationToken cancellationToken)
    {
        using HttpClient http = new();
        string text = await http.GetStringAsync(new Uri(Address, "/metrics"), cancellationToken);
        return Sample().Matches(text)
            .SelectMany(static sample => Label().Matches(sample.Groups["labels"].Value)
                .Select(label => (Metric: sample.Groups["metric"].Value, Label: label.Groups["name"].Value, Value: label.Groups["value"].Value)))
            .ToLookup(static found => found.Metric, static found => (found.Label, found.Value));
    }

    public async ValueTask DisposeAsync()
    {
        GC.KeepAlive(_pool);
        await _app.DisposeAsync();
    }

    private static void Measure(Instruments instruments)
    {
        foreach (string outcome in Enum.GetValues<OutcomeKind>().Select(OutcomeNames.Of).Append(OutcomeNames.Abandoned))
        {
            instruments.AttemptEnded(TimeSpan.FromSeconds(1), Endpoint, outcome, "chat", outcome == "answered" ? null : "timeout");
            instruments.CallEnded(1, outcome);
        }

        foreach (EndpointFailureReason reason in Enum.GetValues<EndpointFailureReason>())
        {
            instruments.Ejected(Endpoint, OutcomeNames.KindOf(reason));
        }

        instruments.Waited(TimeSpan.FromSeconds(1));
        instruments.Used(Endpoint, new TokenCounts(Input: 20, Output: 10, CachedInput: 5));
        instruments.ReasoningLeftOut(Endpoint);
        instruments.SharedFact("taken", PoolFactKind.Ejected);
        instruments.Asked(TimeSpan.FromMilliseconds(1));
        instruments.StartPermits("granted", 1);
    }

    [GeneratedRegex(@"^(?<metric>azure_openai_\w+)\{(?<labels>[^}]*)\}", RegexOptions.Multiline)]
    private static partial Regex Sample();

    [GeneratedRegex(@"(?<name>\w+)=""(?<value>[^""]*)""")]
    private static partial Regex Label();
}
