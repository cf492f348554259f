using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A real Prometheus scrapes the exporter, evaluates the alerts and answers what the dashboard asks. Alone, since it exports what the whole process measures.</summary>
[Collection(nameof(TelemetryTests))]
public sealed class PrometheusTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_panel_has_data_and_a_refused_key_is_an_alert()
    {
        string? why = Prometheus.Absence();
        Assert.SkipWhen(why is not null, why ?? "");
        await using MeasuredApp app = await MeasuredApp.StartAsync(Cancellation);
        await using Prometheus prometheus = await Prometheus.StartAsync(app.Address, Cancellation);

        foreach (string expression in Ops.Panels.SelectMany(static panel => panel.Expressions).Select(AsGrafanaAsks))
        {
            // A rate needs two scrapes.
            while ((await prometheus.QueryAsync(expression, Cancellation)).Length == 0)
            {
                await Task.Delay(100, Cancellation);
            }
        }

        string[] firing;
        while ((firing = await prometheus.FiringAsync(Cancellation)).Length == 0)
        {
            await Task.Delay(100, Cancellation);
        }

        Assert.Equal(["RoundRobinMisconfigured"], firing.Distinct());
    }

    /// <summary>Everything is chosen in the dashboard's variables.</summary>
    private static string AsGrafanaAsks(string expression) => expression
        .Replace("$__rate_interval", "1m", StringComparison.Ordinal)
        .Replace("$job", ".*", StringComparison.Ordinal)
        .Replace("$instance", ".*", StringComparison.Ordinal)
        .Replace("$endpoint", ".*", StringComparison.Ordinal);
}
