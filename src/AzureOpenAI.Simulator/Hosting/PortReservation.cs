using System.Net;
using System.Net.Sockets;

namespace AzureOpenAI.Simulator;

/// <summary>
/// Holds a TCP port on loopback by a socket that is bound and does not listen: connections are refused. On Linux another socket
/// may be given the port all the same as long as neither listens.
/// </summary>
internal sealed class PortReservation : IDisposable
{
    private Socket? _held;

    public PortReservation(int port)
    {
        _held = Bind(port);
        Port = ((IPEndPoint)_held.LocalEndPoint!).Port;
    }

    public int Port { get; }

    /// <summary>Hands the bound socket over to the listener.</summary>
    public Socket Take() => Interlocked.Exchange(ref _held, null) ?? Bind(Port);

    /// <summary>Takes the port back after its listener has closed. Where the system does not allow it yet, the port is free meanwhile; connections are refused either way.</summary>
    public void Hold()
    {
        try
        {
            Interlocked.Exchange(ref _held, Bind(Port))?.Dispose();
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
        }
    }

    public void Dispose() => Interlocked.Exchange(ref _held, null)?.Dispose();

    private static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
