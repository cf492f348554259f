using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The alerts and the dashboard in the folder ops ask for what OpenTelemetry's exporter for Prometheus makes of the instruments. Alone, since it exports what the whole process measures.</summary>
[Collection(nameof(TelemetryTests))]
public sealed partial class OpsTests
{
    private const string Operations = "docs/operations.md", Telemetry = "docs/telemetry.md";

    /// <summary>What Prometheus adds to each series.</summary>
    private static readonly string[] OfPrometheus = ["job", "instance"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_metric_and_label_is_one_of_the_instruments()
    {
        await using MeasuredApp app = await MeasuredApp.StartAsync(Cancellation);
        ILookup<string, (string Label, string Value)> exported = await app.ScrapeAsync(Cancellation);
        string[] expressions = [.. Ops.Alerts.Select(static alert => alert.Expression), .. Ops.Panels.SelectMany(static panel => panel.Expressions), .. Ops.Variables];

        Assert.NotEmpty(expressions.SelectMany(Ops.WantedBy));
        Assert.All(expressions.SelectMany(Ops.MetricsIn), metric => Assert.True(exported.Contains(metric), $"No instrument is exported as {metric}."));
        Assert.All(
            expressions.SelectMany(Ops.WantedBy).Where(static wanted => !OfPrometheus.Contains(wanted.Label)),
            wanted => Assert.Contains(exported[wanted.Metric], has => has.Label == wanted.Label && (wanted.Value ?? has.Value) == has.Value));
    }

    [Fact]
    public async Task Each_instrument_is_exported_as_documented_and_drawn_in_a_panel()
    {
        await using MeasuredApp app = await MeasuredApp.StartAsync(Cancellation);
        HashSet<string> exported = [.. (await app.ScrapeAsync(Cancellation)).Select(static metric => Family().Replace(metric.Key, ""))];
        string[] documented = [.. Readme.Table(Telemetry, "Instrument azure_openai.round_robin.").Select(static row => InPrometheus(row[0], row[1]))];

        Assert.Equal(documented.Order(StringComparer.Ordinal), exported.Order(StringComparer.Ordinal));
        Assert.Empty(documented.Except(Ops.Panels.SelectMany(static panel => panel.Expressions).SelectMany(Ops.MetricsIn).Select(static metric => Family().Replace(metric, ""))));
    }

    /// <summary>The names in the pages of docs and in ops are the same, and each alert is tested both ways by promtool.</summary>
    [Fact]
    public void Each_alert_is_documented_with_its_panel_and_tested()
    {
        (string, string)[] documented = [.. Readme.Table(Operations, "Alert").Where(static row => row[1].StartsWith("RoundRobin", StringComparison.Ordinal)).Select(static row => (row[1], row[2]))];

        Assert.Equal(documented, Ops.Alerts.Select(static alert => (alert.Name, alert.Panel)));
        Assert.Empty(Ops.Alerts.Select(static alert => alert.Panel).Except(Ops.Panels.Select(static panel => panel.Title)));
        Assert.All(Ops.Alerts, static alert => Assert.True(Ops.TestsOf(alert.Name) is { Quiet: > 0, Firing: > 0 }, $"{alert.Name} is not tested both ways."));
    }

    /// <summary>By the rule in the page: dots are underscores, seconds are spelled out, counters end in <c>_total</c>.</summary>
    private static string InPrometheus(string instrument, string kindAndUnit) =>
        $"azure_openai_round_robin_{instrument.Replace('.', '_')}{(kindAndUnit.EndsWith(", s", StringComparison.Ordinal) ? "_seconds" : "")}{(kindAndUnit.StartsWith("counter", StringComparison.Ordinal) ? "_total" : "")}";

    [GeneratedRegex("_(bucket|sum|count)$")]
    private static partial Regex Family();
}
