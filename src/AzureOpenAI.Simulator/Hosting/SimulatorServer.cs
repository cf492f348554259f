using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.Simulator;

/// <summary>One HTTP server that listens on a port for each resource.</summary>
internal sealed class SimulatorServer : IDisposable
{
    private readonly KestrelServer _server;
    private readonly IReadOnlyList<ListenerGate> _gates;

    public SimulatorServer(IReadOnlyList<ListenerGate> gates, ILoggerFactory? loggerFactory)
    {
        _gates = gates;
        loggerFactory ??= NullLoggerFactory.Instance;
        var options = new KestrelServerOptions { AddServerHeader = false };
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Limits.MaxRequestBodySize = 64 * 1024 * 1024;
        options.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);
        foreach (var gate in gates)
        {
            options.Listen((IPEndPoint)gate.EndPoint, listen => listen.Protocols = HttpProtocols.Http1);
        }

        _server = new KestrelServer(Options.Create(options), new GatedListenerFactory(gates, loggerFactory), loggerFactory);
    }

    public Task StartAsync(RequestHandler handler, CancellationToken cancellationToken) =>
        _server.StartAsync(new SimulatorApplication(handler), cancellationToken);

    public async Task StopAsync()
    {
        foreach (var gate in _gates)
        {
            await gate.UnbindAsync().ConfigureAwait(false);
            gate.CutConnections();
        }

        await _server.StopAsync(new CancellationToken(canceled: true)).ConfigureAwait(false);
    }

    public void Dispose() => _server.Dispose();
}
