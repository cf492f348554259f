using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

public sealed class ListeningTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StopListening_NewConnections_AreRefusedUntilReturnOnSamePort()
    {
        await using var azure = await Simulators.StartOneAsync();
        var resource = azure["east"];
        var endpoint = resource.Endpoint;
        using var client = new WireClient(resource);
        await client.ChatAsync();

        for (int round = 0; round < 5; round++)
        {
            await resource.StopListeningAsync();
            Assert.False(resource.IsListening);
            var exception = await Assert.ThrowsAsync<HttpRequestException>(() => client.ChatAsync());
            Assert.Equal(HttpRequestError.ConnectionError, exception.HttpRequestError);
            Assert.Equal(SocketError.ConnectionRefused, Assert.IsType<SocketException>(exception.InnerException).SocketErrorCode);

            await resource.StartListeningAsync();
            Assert.Equal(200, (await client.ChatAsync()).Status);
        }

        Assert.Equal(endpoint, resource.Endpoint);
        Assert.Equal(6, azure.Ledger.Count("east").Answered);
    }

    [Fact]
    public async Task PortOnWhichAnotherListensByNow_AnotherIsChosen()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere no port is given to two sockets.");
        List<TcpListener> others = [];
        await using var azure = await AzureOpenAISimulator.StartAsync(static options => options.AddResource("east"), ports => Take(ports[0], most: 2), Cancellation);
        using var client = new WireClient(azure["east"]);

        Assert.Equal(200, (await client.ChatAsync()).Status);
        Assert.Equal(2, others.Count);
        others.ForEach(static other => other.Dispose());

        await Assert.ThrowsAsync<SocketException>(() => AzureOpenAISimulator.StartAsync(static options => options.AddResource("east"), ports => Take(ports[0], most: int.MaxValue), Cancellation));
        Assert.Equal(7, others.Count);
        others.ForEach(static other => other.Dispose());

        void Take(int port, int most)
        {
            if (others.Count < most)
            {
                others.Add(new TcpListener(IPAddress.Loopback, port));
                others[^1].Start();
            }
        }
    }

    [Fact]
    public async Task RefuseConnections_TimeOver_AcceptsAgain()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(time: time);
        using var client = new WireClient(azure["east"]);

        var refusing = azure["east"].RefuseConnectionsAsync(TimeSpan.FromSeconds(10), Cancellation);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.ChatAsync());
        time.Advance(TimeSpan.FromSeconds(10));
        await refusing;

        Assert.Equal(200, (await client.ChatAsync()).Status);
    }

    [Fact]
    public async Task StopAndStart_UnderLoad_EndsEveryRequest()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);
        using var enough = new CancellationTokenSource();

        Task[] callers = [.. Enumerable.Range(0, 6).Select(_ => Task.Run(() => CallAsync(client, enough.Token), Cancellation))];
        for (int round = 1; round <= 20; round++)
        {
            long wanted = azure.Ledger.Count("east").Answered + 20;
            await azure.Ledger.WaitForAsync(_ => azure.Ledger.Count("east").Answered >= wanted, Cancellation);
            await azure["east"].StopListeningAsync();
            await azure["east"].StartListeningAsync();
        }

        await enough.CancelAsync();
        await Task.WhenAll(callers);
        await azure.Ledger.WaitForAsync(_ => azure.Ledger.Count("east").InProgress == 0, Cancellation);
        Assert.True(azure.Ledger.Count("east").Answered >= 400);
    }

    [Fact]
    public async Task StopListening_OtherResources_GoOn()
    {
        await using var azure = await AzureOpenAISimulator.StartAsync(options => options.AddResource("east").AddResource("west"), Cancellation);
        using var client = new WireClient(azure["west"]);

        await azure["east"].StopListeningAsync();

        Assert.Equal(200, (await client.ChatAsync()).Status);
        Assert.True(azure["west"].IsListening);
    }

    [Fact]
    public async Task StopListening_RequestInFlight_IsResetAndRecorded()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.NeverAnswer()));
        using var client = new WireClient(azure["east"]);

        var call = client.ChatAsync();
        await azure.Ledger.WaitForAsync(entries => entries.Count == 1, Cancellation);
        await azure["east"].StopListeningAsync();

        var exception = await Assert.ThrowsAsync<HttpRequestException>(() => call);
        var ended = await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);
        Assert.IsType<SocketException>(exception.GetBaseException());
        Assert.Equal(LedgerOutcome.CutByServer, ended[0].Outcome);
    }

    [Fact]
    public async Task StopAndStart_CalledTwice_DoNothingMore()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);

        await azure["east"].StopListeningAsync();
        await azure["east"].StopListeningAsync();
        await azure["east"].StartListeningAsync();
        await azure["east"].StartListeningAsync();

        Assert.Equal(200, (await client.ChatAsync()).Status);
    }

    [Fact]
    public async Task ResetConnections_IdleConnection_IsClosedAndNextCallGoesThrough()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new WireClient(azure["east"]);
        await client.ChatAsync();

        int reset = azure["east"].ResetConnections();

        Assert.Equal(1, reset);
        Assert.Equal(200, (await client.ChatAsync()).Status);
    }

    [Fact]
    public async Task Port_Given_IsUsedAndTakenPortIsRefused()
    {
        await using var first = await Simulators.StartOneAsync();
        int port = first["east"].Endpoint.Port;

        await Assert.ThrowsAsync<SocketException>(() => Simulators.StartOneAsync(resource => resource.Port = port));
        await first.DisposeAsync();
        await using var second = await Simulators.StartOneAsync(resource => resource.Port = port);

        Assert.Equal(port, second["east"].Endpoint.Port);
    }

    [Fact]
    public async Task Dispose_RequestsHang_EndsThemAndMayBeCalledTwice()
    {
        var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.NeverAnswer()));
        using var client = new WireClient(azure["east"]);
        Task[] calls = [.. Enumerable.Range(0, 5).Select(_ => client.ChatAsync())];
        await azure.Ledger.WaitForAsync(entries => entries.Count == 5, Cancellation);

        await azure.DisposeAsync();
        await azure.DisposeAsync();

        foreach (var call in calls)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => call);
        }

        Assert.Equal(5, azure.Ledger.Count("east")[LedgerOutcome.CutByServer]);
        await Assert.ThrowsAsync<HttpRequestException>(() => client.ChatAsync());
    }

    [Fact]
    public async Task Dispose_StoppedResource_FreesItsPort()
    {
        await using var azure = await Simulators.StartOneAsync();
        int port = azure["east"].Endpoint.Port;
        await azure["east"].StopListeningAsync();

        await azure.DisposeAsync();
        await azure["east"].StartListeningAsync();

        await using var next = await Simulators.StartOneAsync(resource => resource.Port = port);
        Assert.False(azure["east"].IsListening);
    }

    private static async Task CallAsync(WireClient client, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            try
            {
                await client.ChatAsync();
            }
            catch (HttpRequestException)
            {
                await Task.Yield();
            }
        }
    }
}
