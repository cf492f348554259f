using AzureOpenAI.RoundRobin.Redis.Facts;
using AzureOpenAI.RoundRobin.Redis.Tests.Servers;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>Several instances of an app over one server. Each test has a fleet name of its own, so that tests do not meet.</summary>
internal sealed class Fleet(RedisServer server) : IAsyncDisposable
{
    private readonly List<Instance> _instances = [];

    public string Name { get; } = $"fleet-{Guid.NewGuid():N}";

    public FleetKeys Keys => new(Name);

    /// <summary>What each endpoint answers to every instance; null for a success.</summary>
    public Func<FakeService.Request, HttpResponseMessage?> On { get; set; } = static _ => null;

    public Instance this[int instance] => _instances[instance];

    public static async Task<Fleet> StartAsync(RedisServer server, int instances)
    {
        Fleet fleet = new(server);
        for (int i = 0; i < instances; i++)
        {
            await fleet.JoinAsync();
        }

        return fleet;
    }

    /// <summary>One more starts, and knows what the others have found.</summary>
    public async Task<Instance> JoinAsync()
    {
        Instance instance = Join(await server.ConnectAsync());
        await instance.Ready;
        return instance;
    }

    public Instance Join(IConnectionMultiplexer multiplexer)
    {
        Instance instance = new(multiplexer, Name);
        instance.Service.On = request => On(request);
        _instances.Add(instance);
        return instance;
    }

    public static HttpResponseMessage? Throttled(FakeService.Request request, string host, int seconds = 20) =>
        request.Host == host ? FakeService.Refusal(429, ("retry-after", $"{seconds}")) : null;

    public static HttpResponseMessage? Dead(FakeService.Request request, string host) =>
        request.Host == host ? throw new HttpRequestException(HttpRequestError.ConnectionError, "refused") : null;

    public async ValueTask DisposeAsync()
    {
        foreach (Instance instance in _instances)
        {
            await instance.DisposeAsync();
        }
    }
}
