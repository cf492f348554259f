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

    /// <summary>The configured limit of each endpoint.</summary>
    public int? PerMinute { get; init; }

    /// <summary>The longest wait for permits; by default so long that a busy machine is not taken for a slow server.</summary>
    public TimeSpan AskTimeout { get; init; } = TimeSpan.FromSeconds(1);

    public Instance this[int instance] => _instances[instance];

    public static async Task<Fleet> StartAsync(RedisServer server, int instances, int? perMinute = null, TimeSpan? askTimeout = null)
    {
        Fleet fleet = new(server) { PerMinute = perMinute, AskTimeout = askTimeout ?? TimeSpan.FromSeconds(1) };
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
        Instance instance = new(multiplexer, Name, PerMinute, redis => redis.AskTimeout = AskTimeout);
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
