using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>Answers one request on one connection and then watches whether the client closes it.</summary>
internal sealed class KeepAliveServer : IDisposable
{
    private const string Body =
        """{"id":"1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"hi"}}]}""";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public KeepAliveServer()
    {
        _listener.Start();
        Closed = ServeAsync();
    }

    public Uri Endpoint => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>Completes when the client has closed its connection.</summary>
    public Task Closed { get; }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync();
        await using NetworkStream stream = client.GetStream();
        byte[] buffer = new byte[16384];
        string request = "";
        while (!RawServer.IsWhole(request))
        {
            request += Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer));
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"));
        while (await stream.ReadAsync(buffer) > 0)
        {
        }
    }
}
