using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Finds connections that have died in silence, as after a firewall that has forgotten them: they end within half a minute, and not within hours.</summary>
/// <remarks>
/// A peer that lives acknowledges without its program, however long an answer takes. Keep-alive asks connections where nothing is under way; where a request is, it
/// is its bytes that nobody acknowledges, for which Linux has a limit of its own, and Windows gives up by itself in some 20 seconds.
/// </remarks>
/// <param name="IdleSeconds">So long nothing has come when it is asked for the first time.</param>
/// <param name="IntervalSeconds">Between two questions.</param>
/// <param name="Probes">So many without a reply end it.</param>
internal sealed record SilenceLimit(int IdleSeconds, int IntervalSeconds, int Probes)
{
    public static readonly SilenceLimit Default = new(15, 5, 3);

    private const int Tcp = 6;

    /// <summary><c>TCP_USER_TIMEOUT</c>, in milliseconds.</summary>
    private const int LinuxUserTimeout = 18;

    public TimeSpan Idle => TimeSpan.FromSeconds(IdleSeconds);

    /// <summary>From the first question to the end.</summary>
    public TimeSpan Grace => TimeSpan.FromSeconds(IntervalSeconds * Probes);

    public void SetOn(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, IdleSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, IntervalSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Probes);
        if (OperatingSystem.IsLinux())
        {
            Span<byte> milliseconds = stackalloc byte[sizeof(int)];
            BitConverter.TryWriteBytes(milliseconds, (int)(Idle + Grace).TotalMilliseconds);
            socket.SetRawSocketOption(Tcp, LinuxUserTimeout, milliseconds);
        }
    }
}
