using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Says on a socket exactly what a test wants it to say, well-formed or not: one request on each connection.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly Acceptor _acceptor;
    private readonly ConcurrentQueue<string> _heads = new();
    private readonly X509Certificate2? _certificate;
    private readonly Func<RawExchange, Task<bool>>? _greet;
    private long _sent;

    /// <param name="answer">What it says to a request.</param>
    /// <param name="certificate">With it, it speaks TLS.</param>
    /// <param name="greet">Asked of each connection before anything is read of it, the handshake too; true where that was all that the connection gets.</param>
    public RawServer(Func<RawExchange, Task> answer, X509Certificate2? certificate = null, Func<RawExchange, Task<bool>>? greet = null)
    {
        On = answer;
        _certificate = certificate;
        _greet = greet;
        _acceptor = new Acceptor(AnswerAsync);
    }

    public Uri Endpoint => new($"{(_certificate is null ? "http" : "https")}://127.0.0.1:{_acceptor.Port}/");

    /// <summary>What it says to a request.</summary>
    public Func<RawExchange, Task> On { get; set; }

    /// <summary>Request line and headers of each request, as they came.</summary>
    public IReadOnlyList<string> Heads => [.. _heads];

    /// <summary>How many bytes it could get rid of.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    public static string Head(int status, string headers = "") => $"HTTP/1.1 {status} Status\r\nConnection: close\r\n{headers}\r\n";

    public static string Json(string body, int status = 200, string headers = "") =>
        Head(status, $"Content-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n{headers}") + body;

    /// <summary>Without a length: the stream ends with the connection.</summary>
    public static string Events(string body) => Head(200, "Content-Type: text/event-stream\r\n") + body;

    public ValueTask DisposeAsync() => _acceptor.DisposeAsync();

    /// <summary>Whether all of a request has come.</summary>
    public static bool IsWhole(string request)
    {
        int end = request.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        string? length = request[..end].Split("\r\n").FirstOrDefault(static line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return length is null
            ? request.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
            : request.Length - end - 4 >= int.Parse(length["Content-Length:".Length..], CultureInfo.InvariantCulture);
    }

    private async Task AnswerAsync(TcpClient client, CancellationToken stop)
    {
        if (_greet is not null && await _greet(new RawExchange(client, client.GetStream(), "", "", static _ => { }, stop)))
        {
            return;
        }

        await using Stream stream = await OpenAsync(client, stop);
        if (await ReadRequestAsync(stream, stop) is { } request)
        {
            string[] parts = request.Split("\r\n\r\n", 2);
            _heads.Enqueue(parts[0]);
            await On(new RawExchange(client, stream, parts[0], parts[1], count => Interlocked.Add(ref _sent, count), stop));
        }
    }

    private async Task<Stream> OpenAsync(TcpClient client, CancellationToken stop)
    {
        if (_certificate is null)
        {
            return client.GetStream();
        }

        SslStream secured = new(client.GetStream());
        await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, stop);
        return secured;
    }

    private static async Task<string?> ReadRequestAsync(Stream stream, CancellationToken stop)
    {
        byte[] buffer = new byte[16384];
        string request = "";
        while (!IsWhole(request))
        {
            int count = await stream.ReadAsync(buffer, stop);
            if (count == 0)
            {
                return null;
            }

            request += Encoding.Latin1.GetString(buffer, 0, count);
        }

        return request;
    }
}

/// <summary>One request to a <see cref="RawServer"/>, and what it says to it.</summary>
internal sealed class RawExchange(TcpClient client, Stream stream, string head, string body, Action<int> count, CancellationToken stop)
{
    public string Head { get; } = head;

    public string Body { get; } = body;

    public bool WantsStream => Body.Contains("\"stream\":true", StringComparison.Ordinal);

    public CancellationToken Stop { get; } = stop;

    public Task WriteAsync(string text) => WriteAsync(Encoding.UTF8.GetBytes(text));

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await stream.WriteAsync(bytes, Stop);
        count(bytes.Length);
    }

    /// <summary>The same again until the client closes the connection.</summary>
    public async Task WriteForeverAsync(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        while (true)
        {
            await WriteAsync(bytes);
        }
    }

    /// <summary>Closes the connection as hard as it can be closed.</summary>
    public void Reset() => client.Client.Close(0);

    /// <summary>Waits until the client sends more on the same connection, or closes it.</summary>
    public async Task HearMoreAsync() => _ = await stream.ReadAsync(new byte[1024], Stop);

    /// <summary>Says no more, and waits until the client closes the connection.</summary>
    public async Task StallAsync()
    {
        byte[] buffer = new byte[1024];
        while (await stream.ReadAsync(buffer, Stop) > 0)
        {
        }
    }
}
