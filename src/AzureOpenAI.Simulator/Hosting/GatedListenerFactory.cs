using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.Simulator;

/// <summary>Gives the server a gate for each port that it should listen on.</summary>
internal sealed class GatedListenerFactory : IConnectionListenerFactory
{
    // Two bytes make a flush wait until the socket has taken the data. A reset after k events would else overtake them.
    private const int WriteBufferSize = 2;

    private readonly Dictionary<int, ListenerGate> _gates;
    private readonly SocketTransportFactory _sockets;

    public GatedListenerFactory(IEnumerable<ListenerGate> gates, ILoggerFactory loggerFactory)
    {
        _gates = gates.ToDictionary(gate => gate.Port.Port);
        var options = new SocketTransportOptions
        {
            MaxWriteBufferSize = WriteBufferSize,
            CreateBoundListenSocket = endPoint => _gates[((IPEndPoint)endPoint).Port].Port.Take(),
        };
        _sockets = new SocketTransportFactory(Options.Create(options), loggerFactory);
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var gate = _gates[((IPEndPoint)endpoint).Port];
        await gate.BindAsync(_sockets, cancellationToken).ConfigureAwait(false);
        return gate;
    }
}
