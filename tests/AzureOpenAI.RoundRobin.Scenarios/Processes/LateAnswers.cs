using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>Stands between processes and Redis. While it is told to, it passes on all that Redis says up to 30 ms later, in order.</summary>
internal sealed class LateAnswers : IAsyncDisposable
{
    private const int BufferBytes = 16_384;

    private static readonly TimeSpan Most = TimeSpan.FromMilliseconds(30);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _over = new();
    private readonly DnsEndPoint _redis;
    private readonly Task _accepting;
    private volatile bool _isLate;

    /// <param name="redis">Host and port.</param>
    public LateAnswers(string redis)
    {
        int colon = redis.LastIndexOf(':');
        _redis = new(redis[..colon], int.Parse(redis.AsSpan(colon + 1), System.Globalization.CultureInfo.InvariantCulture));
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Address => $"{_listener.LocalEndpoint}";

    public async Task SpoilAsync(RedisFault fault)
    {
        await Task.Delay(TimeSpan.FromSeconds(fault.At));
        _isLate = true;
        await Task.Delay(TimeSpan.FromSeconds(fault.LastsFor));
        _isLate = false;
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> relaying = [];
        try
        {
            while (true)
            {
                relaying.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_over.Token), seed: relaying.Count));
            }
        }
        finally
        {
            await Task.WhenAll(relaying).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task RelayAsync(TcpClient accepted, int seed)
    {
        using TcpClient process = accepted, redis = new();
        (process.NoDelay, redis.NoDelay) = (true, true);
        await redis.ConnectAsync(_redis.Host, _redis.Port, _over.Token);
        using CancellationTokenSource over = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
        Channel<(byte[] Said, long Due)> held = Channel.CreateUnbounded<(byte[], long)>();
        Task[] all = [process.GetStream().CopyToAsync(redis.GetStream(), over.Token), HearAsync(redis.GetStream(), held.Writer, seed, over.Token), PassOnAsync(held.Reader, process.GetStream(), over.Token)];
        await Task.WhenAny(all);
        await over.CancelAsync();
        await Task.WhenAll(all).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Reads on while what came before is held back, so that answers are late and not fewer.</summary>
    private async Task HearAsync(NetworkStream redis, ChannelWriter<(byte[] Said, long Due)> held, int seed, CancellationToken over)
    {
#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(seed);
        byte[] buffer = new byte[BufferBytes];
        long last = 0;
        while (await redis.ReadAsync(buffer, over) is > 0 and int read)
        {
            double late = _isLate ? random.NextDouble() * Most.TotalSeconds : 0;
            last = Math.Max(last, Stopwatch.GetTimestamp() + (long)(late * Stopwatch.Frequency));
            await held.WriteAsync((buffer[..read], last), over);
        }
#pragma warning restore CA5394
    }

    private static async Task PassOnAsync(ChannelReader<(byte[] Said, long Due)> held, NetworkStream process, CancellationToken over)
    {
        await foreach ((byte[] said, long due) in held.ReadAllAsync(over))
        {
            if (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due) is var left && left > TimeSpan.Zero)
            {
                await Task.Delay(left, over);
            }

            await process.WriteAsync(said, over);
        }
    }
}
