using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>Answers every request over HTTP with the same bytes, and allocates nothing for it, so that what is measured is the client's.</summary>
internal sealed class CannedServer : IDisposable
{
    private const int Chunks = 20;

    private static readonly byte[] Answer = Message(
        "application/json",
        """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"answer"}}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}""");

    private static readonly byte[] Stream = Message(
        "text/event-stream", string.Concat(Enumerable.Repeat(Chunk("""{"content":"word "}""", "null"), Chunks)) + Chunk("{}", "\"stop\"") + "data: [DONE]\n\n");

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public CannedServer()
    {
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public void Dispose() => _listener.Dispose();

    private static string Chunk(string delta, string finish) =>
        $$$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{finish}}}}]}{{{"\n\n"}}}""";

    private static byte[] Message(string type, string body) => Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

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

    private static void Serve(Socket socket)
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

                socket.Send(request.IndexOf("\"stream\":true"u8) >= 0 ? Stream : Answer);
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
