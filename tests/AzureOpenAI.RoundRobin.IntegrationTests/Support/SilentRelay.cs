using System.Net.Sockets;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Passes connections on to an endpoint until it falls silent: then it takes what comes, passes nothing on and closes nothing, as a firewall that has forgotten them.</summary>
internal sealed class SilentRelay : IAsyncDisposable
{
    private readonly Acceptor _acceptor;
    private readonly Uri _target;
    private volatile bool _isSilent;
    private int _swallowed;

    public SilentRelay(Uri target)
    {
        _target = target;
        _acceptor = new Acceptor(RelayAsync);
    }

    public Uri Endpoint => new($"http://127.0.0.1:{_acceptor.Port}{_target.AbsolutePath}");

    /// <summary>How many bytes it took and did not pass on.</summary>
    public int Swallowed => Volatile.Read(ref _swallowed);

    public void FallSilent() => _isSilent = true;

    public ValueTask DisposeAsync() => _acceptor.DisposeAsync();

    private async Task RelayAsync(TcpClient client, CancellationToken stop)
    {
        using TcpClient server = new();
        await server.ConnectAsync(_target.Host, _target.Port, stop);
        await Task.WhenAll(CopyAsync(client.GetStream(), server.GetStream(), stop), CopyAsync(server.GetStream(), client.GetStream(), stop));
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to, CancellationToken stop)
    {
        byte[] buffer = new byte[16384];
        while (await from.ReadAsync(buffer, stop) is > 0 and int count)
        {
            if (_isSilent)
            {
                Interlocked.Add(ref _swallowed, count);
            }
            else
            {
                await to.WriteAsync(buffer.AsMemory(0, count), stop);
            }
        }
    }
}
