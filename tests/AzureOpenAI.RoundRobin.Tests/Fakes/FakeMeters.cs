using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A meter factory of the test's own, so that it hears its own pools only.</summary>
internal sealed class FakeMeters : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public IMeterFactory Factory => _services.GetRequiredService<IMeterFactory>();

    public MetricCollector<T> Collect<T>(string instrument)
        where T : struct => new(Factory, "AzureOpenAI.RoundRobin", $"azure_openai.round_robin.{instrument}");

    /// <summary>A measurement in one line: its value, and its tags in order of their names.</summary>
    public static string[] Lines<T>(MetricCollector<T> collector)
        where T : struct => [.. collector.GetMeasurementSnapshot().Select(Line)];

    public void Dispose() => _services.Dispose();

    private static string Line<T>(CollectedMeasurement<T> measurement)
        where T : struct => string.Join(' ', [FormattableString.Invariant($"{measurement.Value}"), .. measurement.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}")]);
}
