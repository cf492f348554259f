using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Connects the sockets of the pool's own transport, to an endpoint or to a proxy. TLS and tunnels are the handler's, on top of them.</summary>
internal sealed class Connector(SilenceLimit silence)
{
    private readonly SilenceLimit _silence = silence;

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The stream owns the socket.")]
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellationToken)
    {
        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            _silence.SetOn(socket);
            await socket.ConnectAsync(host, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
