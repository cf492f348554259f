using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Answers every request over HTTP with the same bytes, and allocates nothing for it, so that what is measured is the client's.</summary>
internal sealed class CannedServer : IDisposable
{
    private const int Chunks = 20;

    /// <summary>What the service adds to each answer of a deployment that is far from its limits.</summary>
    private const string ServiceHeaders =
        "apim-request-id: 4f6c3a8e-0a7c-4c0e-9f0e-2b8f2f3a1d55\r\nx-ms-region: Sweden Central\r\nx-request-id: 8f6c3a8e-0a7c-4c0e-9f0e-2b8f2f3a1d56\r\n"
        + "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9876\r\nx-ratelimit-limit-tokens: 1000000\r\nx-ratelimit-remaining-tokens: 987654\r\n";

    private static readonly byte[] BareAnswer = AnswerWith("");
    private static readonly byte[] BareStream = StreamWith("");
    private static readonly byte[] ServiceAnswer = AnswerWith(ServiceHeaders);
    private static readonly byte[] ServiceStream = StreamWith(ServiceHeaders);

    private readonly byte[] _answer;
    private readonly byte[] _stream;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    /// <param name="hasServiceHeaders">Whether answers have the headers that the service's have.</param>
    public CannedServer(bool hasServiceHeaders = false)
    {
        (_answer, _stream) = hasServiceHeaders ? (ServiceAnswer, ServiceStream) : (BareAnswer, BareStream);
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public void Dispose() => _listener.Dispose();

    private static byte[] AnswerWith(string headers) => Message(
        "application/json",
        headers,
        """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"answer"}}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}""");

    private static byte[] StreamWith(string headers) => Message(
        "text/event-stream",
        headers,
        string.Concat(Enumerable.Repeat(Chunk("""{"content":"word "}""", "null"), Chunks)) + Chunk("{}", "\"stop\"") + "data: [DONE]\n\n");

    private static string Chunk(string delta, string finish) =>
        $$$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}{{{"\n\n"}}}""";

    private static byte[] Message(string type, string headers, string body) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\n{headers}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    private void Accept()
    {
        try
        {
            while (true)
            {
                Socket socket = _listener.AcceptSocket();
                socket.NoDelay = true;
                new Thread(() => Serve(socket)) { IsBackground = true }.Start();
            }
        }
        catch (SocketException)
        {
            // The server is disposed.
        }
    }

    private void Serve(Socket socket)
    {
        try
        {
            Answer(socket);
        }
        catch (SocketException)
        {
            // The client has ended, and left a connection as it was.
        }
    }

    private void Answer(Socket socket)
    {
        byte[] buffer = new byte[64 * 1024];
        int filled = 0;
        using (socket)
        {
            for (int read; (read = socket.Receive(buffer, filled, buffer.Length - filled, SocketFlags.None)) > 0;)
            {
                filled += read;
                ReadOnlySpan<byte> request = buffer.AsSpan(0, filled);
                int head = request.IndexOf("\r\n\r\n"u8);
                if (head < 0 || filled < head + 4 + Length(request[..head]))
                {
                    continue;
                }

                socket.Send(request.IndexOf("\"stream\":true"u8) >= 0 ? _stream : _answer);
                filled = 0;
            }
        }
    }

    private static int Length(ReadOnlySpan<byte> head)
    {
        ReadOnlySpan<byte> name = "Content-Length: "u8;
        ReadOnlySpan<byte> value = head[(head.IndexOf(name) + name.Length)..];
        int end = value.IndexOf((byte)'\r');
        return int.Parse(end < 0 ? value : value[..end], CultureInfo.InvariantCulture);
    }
}
