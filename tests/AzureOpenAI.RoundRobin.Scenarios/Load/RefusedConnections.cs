using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace AzureOpenAI.RoundRobin.Scenarios.Load;

/// <summary>
/// Attempts that met a closed port, which no server can count. The runtime's own metrics do, whichever client made them; ports tell the cells apart.
/// </summary>
internal sealed class RefusedConnections : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<int, int> _byPort = new();

    public RefusedConnections()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "System.Net.Http", Name: "http.client.request.duration" })
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, _, tags, _) =>
        {
            int? port = null;
            bool refused = false;
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                port = tag is { Key: "server.port", Value: int number } ? number : port;
                refused |= tag is { Key: "error.type", Value: "connection_error" };
            }

            if (refused && port is { } known)
            {
                _byPort.AddOrUpdate(known, 1, (_, count) => count + 1);
            }
        });
        _listener.Start();
    }

    public int At(int port) => _byPort.GetValueOrDefault(port);

    public void Dispose() => _listener.Dispose();
}
