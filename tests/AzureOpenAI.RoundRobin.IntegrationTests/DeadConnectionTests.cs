using System.Net;
using System.Net.Sockets;
using System.Text;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Transport;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Connections that die in silence: what was sent is lost, and nobody is told.</summary>
[Trait("Rule", "R9")]
public sealed class DeadConnectionTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private static readonly SilenceLimit Short = new(1, 1, 2);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_silent_endpoints_of_three_cost_a_call_its_time_and_not_its_answer(bool streaming)
    {
        FakeTimeProvider time = new();
        List<SilentRelay> relays = [];
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"], setup =>
        {
            setup.Time = time;
            setup.Endpoint = (resource, endpoint) =>
            {
                if (resource.Name != "north")
                {
                    relays.Add(new SilentRelay(resource.Endpoint));
                    endpoint.Endpoint = relays[^1].Endpoint;
                }
            };
        });
        await fleet.AskAsync(streaming, times: 3);
        relays.ForEach(relay => relay.FallSilent());

        Task<Answer> asked = fleet.AskAsync(streaming);
        for (int i = 0; i < relays.Count; i++)
        {
            string name = i == 0 ? "east" : "west";
            while (relays[i].Swallowed == 0 && !asked.IsCompleted)
            {
                await Task.Yield();
            }

            await time.AdvanceUntilAsync(100.Seconds(), () => fleet.StatusOf(name).Failed == 1);
        }

        Assert.Equal(("north", 3), ((await asked).Endpoint, (await asked).Attempts));
        foreach (SilentRelay relay in relays)
        {
            await relay.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Sockets_of_the_pool_ask_after_seconds_whether_their_peer_lives(bool secured)
    {
        using SocketsHttpHandler handler = SdkClients.CreateHandler();
        TaskCompletionSource<Socket> opened = new();
        handler.ConnectCallback = Seen(handler.ConnectCallback, opened);
        using HttpClient client = new(handler);
        using CancellationTokenSource asking = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task asked = client.GetAsync(new Uri($"{(secured ? "https" : "http")}://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"), asking.Token);
        using TcpClient peer = await listener.AcceptTcpClientAsync(Cancellation);
        Socket socket = await opened.Task.WaitAsync(Cancellation);

        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
        Assert.Equal(15, (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!);
        Assert.Equal(5, (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval)!);
        Assert.Equal(3, (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount)!);
        Assert.True(socket.NoDelay);

        await asking.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
    }

    [Fact(Timeout = 120_000)]
    public async Task A_call_into_silence_ends_within_seconds()
    {
        using NetworkNamespace? network = NetworkNamespace.TryCreate(out string? reason);
        Assert.SkipWhen(network is null, reason ?? "");
        using TcpListener listener = network!.Listen();
        using HttpClient client = new(SdkClients.CreateHandler(Short)) { Timeout = Timeout.InfiniteTimeSpan };
        Task serving = AnswerOnceAsync(listener);
        Uri address = new($"http://{listener.LocalEndpoint}/");
        Assert.Equal("ok", await client.GetStringAsync(address, TestContext.Current.CancellationToken));

        network.FallSilent();

        HttpRequestException failure = await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.GetStringAsync(address, TestContext.Current.CancellationToken));
        Assert.Equal(SocketError.TimedOut, Assert.IsType<SocketException>(failure.GetBaseException()).SocketErrorCode);
        listener.Stop();
        await serving;
    }

    [Fact(Timeout = 120_000)]
    public async Task A_silent_connection_that_nobody_uses_is_given_up()
    {
        using NetworkNamespace? network = NetworkNamespace.TryCreate(out string? reason);
        Assert.SkipWhen(network is null, reason ?? "");
        using TcpListener listener = network!.Listen();
        SocketsHttpHandler handler = SdkClients.CreateHandler(Short);
        TaskCompletionSource<Socket> opened = new();
        handler.ConnectCallback = Seen(handler.ConnectCallback, opened);
        using HttpClient client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        Task serving = AnswerOnceAsync(listener);
        Assert.Equal("ok", await client.GetStringAsync(new Uri($"http://{listener.LocalEndpoint}/"), TestContext.Current.CancellationToken));

        network.FallSilent();

        Socket socket = await opened.Task;
        while (!socket.Poll(TimeSpan.FromMilliseconds(50), SelectMode.SelectRead))
        {
            Cancellation.ThrowIfCancellationRequested();
        }

        Assert.Equal(SocketError.TimedOut, Assert.Throws<SocketException>(() => socket.Receive(new byte[1], SocketFlags.Peek)).SocketErrorCode);
        listener.Stop();
        await serving;
    }

    private static Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? Seen(
        Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>>? connect, TaskCompletionSource<Socket> opened) => connect is null ? null : async (context, token) =>
        {
            Stream stream = await connect(context, token);
            opened.TrySetResult(Assert.IsType<NetworkStream>(stream).Socket);
            return stream;
        };

    /// <summary>Answers one request, and then keeps the connection until its listener stops.</summary>
    private static async Task AnswerOnceAsync(TcpListener listener)
    {
        using TcpClient client = await listener.AcceptTcpClientAsync(Cancellation);
        await using NetworkStream stream = client.GetStream();
        byte[] buffer = new byte[4096];
        Assert.NotEqual(0, await stream.ReadAsync(buffer, Cancellation));
        await stream.WriteAsync(Encoding.ASCII.GetBytes(Ok), Cancellation);
        await Assert.ThrowsAnyAsync<Exception>(async () => await listener.AcceptTcpClientAsync(Cancellation));
    }
}
