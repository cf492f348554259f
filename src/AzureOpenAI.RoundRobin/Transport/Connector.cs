using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// Connects the sockets of the pool's own transport, to an endpoint or to a proxy; TLS and tunnels are the handler's, on top of them. Each address of a host gets
/// its chance: an attempt that has not ended within 250 ms does not hold up the next, and the first connection is kept (RFC 8305).
/// </summary>
/// <param name="silence">When a connection counts as dead.</param>
/// <param name="time">The source of all time.</param>
/// <param name="resolve">The addresses of a host, the best first; null for the system's.</param>
/// <param name="connect">Connects to one address; null for a socket of the system's.</param>
internal sealed class Connector(
    SilenceLimit silence, TimeProvider time,
    Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null, Func<IPEndPoint, CancellationToken, Task<Socket>>? connect = null)
{
    public static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(250);

    private readonly SilenceLimit _silence = silence;
    private readonly TimeProvider _time = time;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve = resolve ?? Dns.GetHostAddressesAsync;
    private readonly Func<IPEndPoint, CancellationToken, Task<Socket>>? _connect = connect;

    public async ValueTask<Stream> ConnectAsync(DnsEndPoint host, CancellationToken cancellationToken)
    {
        IPAddress[] addresses = IPAddress.TryParse(host.Host, out IPAddress? literal)
            ? [literal]
            : await _resolve(host.Host, cancellationToken).ConfigureAwait(false);
        Socket socket = addresses.Length switch
        {
            0 => throw new SocketException((int)SocketError.HostNotFound),
            1 => await OpenAsync(new(addresses[0], host.Port), cancellationToken).ConfigureAwait(false),
            _ => await RaceAsync(Array.ConvertAll(Interleave(addresses), address => new IPEndPoint(address, host.Port)), cancellationToken).ConfigureAwait(false),
        };
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>IPv6 first, then the families in turn, each in the order in which the system prefers its addresses.</summary>
    public static IPAddress[] Interleave(IPAddress[] addresses)
    {
        IPAddress[] sixes = Array.FindAll(addresses, static address => address.AddressFamily == AddressFamily.InterNetworkV6);
        IPAddress[] fours = Array.FindAll(addresses, static address => address.AddressFamily != AddressFamily.InterNetworkV6);
        List<IPAddress> order = new(addresses.Length);
        for (int i = 0; i < Math.Max(sixes.Length, fours.Length); i++)
        {
            order.AddRange(sixes.AsSpan(Math.Min(i, sixes.Length), i < sixes.Length ? 1 : 0));
            order.AddRange(fours.AsSpan(Math.Min(i, fours.Length), i < fours.Length ? 1 : 0));
        }

        return [.. order];
    }

    private async Task<Socket> RaceAsync(IPEndPoint[] addresses, CancellationToken cancellationToken)
    {
        using CancellationTokenSource race = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task<Socket>> running = [];
        Exception? failure = null;
        try
        {
            for (int next = 0; ;)
            {
                if (next < addresses.Length)
                {
                    running.Add(OpenAsync(addresses[next++], race.Token));
                }
                else if (running.Count == 0)
                {
                    throw failure!;
                }

                // Until one has ended, or until it is the next one's turn.
                Task first = Task.WhenAny(running);
                if (next < addresses.Length)
                {
                    await WaitAsync(first, race.Token).ConfigureAwait(false);
                }
                else
                {
                    await first.ConfigureAwait(false);
                }

                while (running.Find(static attempt => attempt.IsCompleted) is { } ended)
                {
                    running.Remove(ended);
                    try
                    {
                        return await ended.ConfigureAwait(false);
                    }
                    catch (SocketException exception)
                    {
                        failure = exception;
                    }
                }
            }
        }
        finally
        {
            await race.CancelAsync().ConfigureAwait(false);
            await CloseAsync(running).ConfigureAwait(false);
        }
    }

    private async Task WaitAsync(Task first, CancellationToken cancellationToken)
    {
        try
        {
            await first.WaitAsync(Stagger, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The next one's turn has come.
        }
    }

    /// <summary>The race is over, and cancelled; one that has connected all the same in that moment is of no use.</summary>
    private static async Task CloseAsync(List<Task<Socket>> losers)
    {
        foreach (Task<Socket> loser in losers)
        {
            try
            {
                (await loser.ConfigureAwait(false)).Dispose();
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
            }
        }
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Whoever asked for it owns it.")]
    private async Task<Socket> OpenAsync(IPEndPoint address, CancellationToken cancellationToken)
    {
        if (_connect is not null)
        {
            return await _connect(address, cancellationToken).ConfigureAwait(false);
        }

        Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            _silence.SetOn(socket);
            await socket.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
