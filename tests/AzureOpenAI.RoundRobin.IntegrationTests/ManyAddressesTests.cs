using System.Net;
using System.Net.Sockets;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>A host with several addresses, of which one alone is any good, by the pool's own handler.</summary>
[Trait("Rule", "R10")]
public sealed class ManyAddressesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("100::1 127.0.0.1")]
    [InlineData("127.0.0.9 127.0.0.1")]
    [InlineData("192.0.2.1 127.0.0.1")]
    public async Task A_dead_address_first_costs_no_answer(string addresses)
    {
        await using RawServer server = new(static exchange => exchange.WriteAsync(RawServer.Json("{}")));
        using HttpClient client = Client(addresses);

        Assert.Equal("{}", await AskAsync(client, new UriBuilder(server.Endpoint) { Host = "several.test" }.Uri));
    }

    [Fact]
    public async Task A_dead_network_first_costs_no_answer()
    {
        using NetworkNamespace? network = NetworkNamespace.TryCreate(out string? reason);
        Assert.SkipWhen(network is null, reason ?? "");
        network!.FallSilent();
        await using RawServer server = new(static exchange => exchange.WriteAsync(RawServer.Json("{}")));
        using HttpClient client = Client($"{network.Address} 127.0.0.1");

        Assert.Equal("{}", await AskAsync(client, new UriBuilder(server.Endpoint) { Host = "several.test" }.Uri));
    }

    [Fact]
    public async Task A_proxy_is_connected_in_the_same_way()
    {
        await using RawServer proxy = new(static exchange => exchange.WriteAsync(RawServer.Json("{}")));
        SocketsHttpHandler handler = SdkClients.CreateHandler(resolve: (host, _) => Task.FromResult<IPAddress[]>(host == "proxy.test" ? [IPAddress.Parse("127.0.0.9"), IPAddress.Loopback] : []));
        handler.Proxy = new WebProxy(new UriBuilder(proxy.Endpoint) { Host = "proxy.test" }.Uri);
        using HttpClient client = new(handler);

        Assert.Equal("{}", await AskAsync(client, new Uri("http://behind.test/x")));
        Assert.StartsWith("POST http://behind.test/x ", proxy.Heads[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_address_that_answers_is_unreachable()
    {
        using HttpClient client = Client("127.0.0.9 127.0.0.8");
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();

        HttpRequestException failure = await Assert.ThrowsAsync<HttpRequestException>(() => client.GetStringAsync(new Uri($"http://several.test:{((IPEndPoint)taken.LocalEndpoint).Port}/"), Cancellation));
        Assert.Equal(HttpRequestError.ConnectionError, failure.HttpRequestError);
    }

    private static async Task<string> AskAsync(HttpClient client, Uri address)
    {
        using StringContent body = new("{}");
        using HttpResponseMessage answer = await client.PostAsync(address, body, Cancellation);
        return await answer.Content.ReadAsStringAsync(Cancellation);
    }

    private static HttpClient Client(string addresses)
    {
        SocketsHttpHandler handler = SdkClients.CreateHandler(resolve: (_, _) => Task.FromResult<IPAddress[]>([.. addresses.Split(' ').Select(IPAddress.Parse)]));
        handler.UseProxy = false;
        return new HttpClient(handler);
    }
}
