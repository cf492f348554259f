using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Redis;

/// <summary>The gauge that says whether Redis carries anything: 1 where all connections of the process do. One object for each meter, since an instrument cannot be taken away.</summary>
internal sealed class ConnectedGauge
{
    private const string MeterName = "AzureOpenAI.RoundRobin";

    /// <summary>The meter without a factory. It lives as long as the process, as its listeners may.</summary>
    private static readonly Meter Shared = new(MeterName);

    private static readonly ConditionalWeakTable<Meter, ConnectedGauge> ByMeter = [];

    private readonly ConcurrentDictionary<BackplaneReport, bool> _connections = [];

    private ConnectedGauge(Meter meter) => meter.CreateObservableGauge(
        "azure_openai.round_robin.backplane.connected", Observe, "{connection}", "Whether the backplane carries facts between processes: 1 or 0.");

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "A factory's meters are the factory's.")]
    public static ConnectedGauge Of(IMeterFactory? factory) => ByMeter.GetValue(factory is null ? Shared : factory.Create(MeterName), static meter => new(meter));

    public void Set(BackplaneReport connection, bool isConnected) => _connections[connection] = isConnected;

    public void Remove(BackplaneReport connection) => _connections.TryRemove(connection, out _);

    private Measurement<int>[] Observe() => _connections.IsEmpty ? [] : [new(_connections.Values.All(static isConnected => isConnected) ? 1 : 0)];
}
