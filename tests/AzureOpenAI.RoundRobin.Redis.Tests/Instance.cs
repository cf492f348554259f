using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>What one instance of an app has: a pool over three endpoints that are faked, and a real connection to Redis.</summary>
internal sealed class Instance : IAsyncDisposable
{
    public static readonly string[] Hosts = ["east", "west", "north"];

    private readonly HttpClient _transport;
    private readonly LoggerFactory _loggers;
    private readonly RedisBackplane _backplane;

    /// <param name="multiplexer">Disposed with the instance.</param>
    /// <param name="fleet">A name of its own for each test.</param>
    /// <param name="perMinute">The configured limit of each endpoint.</param>
    /// <param name="configure">What else to set.</param>
    public Instance(IConnectionMultiplexer multiplexer, string fleet, int? perMinute = null, Action<RoundRobinRedisOptions>? configure = null)
    {
        Multiplexer = multiplexer;
        _transport = new HttpClient(Service, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _loggers = new LoggerFactory([new FakeLoggerProvider(Logs)]);
        RoundRobinOptions options = new() { HttpClient = _transport, DeploymentName = "gpt-deployment" };
        foreach (string host in Hosts)
        {
            options.Endpoints.Add(new EndpointOptions { Name = host, Endpoint = new Uri($"https://{host}.openai.azure.com"), ApiKey = KeyOf(host), RequestsPerMinute = perMinute });
        }

        options.UseRedis(
            multiplexer,
            redis =>
            {
                redis.FleetName = fleet;
                configure?.Invoke(redis);
            },
            _loggers);
        _backplane = (RedisBackplane)options.Backplane!;
        Pool = new EndpointPool(options, _loggers);
        Client = new RoundRobinChatClient(Pool);
    }

    public IConnectionMultiplexer Multiplexer { get; }

    public FakeService Service { get; } = new();

    public FakeLogCollector Logs { get; } = new();

    public EndpointPool Pool { get; }

    public RoundRobinChatClient Client { get; }

    public EndpointId IdOf(string host) => Pool.Endpoints.Single(endpoint => endpoint.Name == host).Setup.Ids!.Deployment;

    /// <summary>The calls that started without a permit.</summary>
    public int Alone => Pool.Endpoints.Sum(static endpoint => endpoint.Capacity.Configured.Shared!.Alone);

    /// <summary>Ends with the first read.</summary>
    public Task Ready => _backplane.FirstRead.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

    public static string KeyOf(string host) => $"secret-key-of-{host}-0123456789";

    public int CallsTo(string host) => Service.Requests.Count(request => request.Host == host);

    public EndpointStatus StatusOf(string host) => Pool.GetStatus().Single(status => status.Name == host);

    /// <summary>Whether another instance's word has taken the endpoint out here.</summary>
    public bool Knows(string host) => StatusOf(host) is { State: EndpointState.Unavailable, ToldBy: not null };

    public string[] LogsOf(int id) => [.. Logs.GetSnapshot().Where(record => record.Category == BackplaneReport.Category && record.Id.Id == id).Select(static record => record.Message)];

    public async Task<string> AskAsync(string prompt = "hi") => (await Client.GetResponseAsync(prompt, cancellationToken: TestContext.Current.CancellationToken)).Text;

    public async Task AskManyAsync(int count)
    {
        for (int i = 0; i < count; i++)
        {
            await AskAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Pool.Dispose();
        await _backplane.DisposeAsync();
        await Multiplexer.DisposeAsync();
        _transport.Dispose();
        Service.Dispose();
        _loggers.Dispose();
    }
}
