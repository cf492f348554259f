using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Servers;

/// <summary>Stands between clients and a server, keeps every byte that goes either way, and holds answers back.</summary>
internal sealed class RecordingRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<byte[]> _seen = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _running = [];
    private readonly int _server;
    private volatile bool _isHolding;

    public RecordingRelay(int server)
    {
        _server = server;
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _running.Add(AcceptAsync());
    }

    public int Port { get; }

    /// <summary>From when a client has said this no answer arrives, until it is empty.</summary>
    public byte[] HoldsAnswersAfter { get; set; } = [];

    /// <summary>All that was sent, one byte a character.</summary>
    public string Traffic => string.Concat(_seen.Select(Encoding.Latin1.GetString));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _running.Add(RelayAsync(client));
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using TcpClient own = client, server = new();
        await server.ConnectAsync(IPAddress.Loopback, _server, _stop.Token);
        await Task.WhenAny(CopyAsync(own, server, isAnswer: false), CopyAsync(server, own, isAnswer: true));
    }

    private async Task CopyAsync(TcpClient from, TcpClient to, bool isAnswer)
    {
        byte[] buffer = new byte[16_384];
        while (await from.GetStream().ReadAsync(buffer, _stop.Token) is > 0 and int read)
        {
            _seen.Enqueue(buffer[..read]);
            _isHolding |= !isAnswer && HoldsAnswersAfter.Length > 0 && buffer.AsSpan(0, read).IndexOf(HoldsAnswersAfter) >= 0;
            while (isAnswer && _isHolding && HoldsAnswersAfter.Length > 0)
            {
                await Task.Delay(1, _stop.Token);
            }

            await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _stop.Token);
        }
    }
}
