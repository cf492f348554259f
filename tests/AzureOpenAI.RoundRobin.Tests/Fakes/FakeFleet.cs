using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Several pools with the same endpoints, as many processes have them: one clock, and a backplane between them.</summary>
internal sealed class FakeFleet : IDisposable
{
    private readonly string[] _endpoints;
    private readonly Action<int, EndpointOptions>? _endpoint;
    private readonly Action<RoundRobinOptions>? _configure;
    private readonly List<ServicePool> _pools = [];

    /// <param name="pools">How many.</param>
    /// <param name="endpoints">As of <see cref="ServicePool"/>.</param>
    /// <param name="endpoint">What else to set at each.</param>
    /// <param name="configure">What to set for all.</param>
    /// <param name="backplane">Made of the clock; by default one that delivers at once.</param>
    public FakeFleet(
        int pools, string[] endpoints, Action<int, EndpointOptions>? endpoint = null, Action<RoundRobinOptions>? configure = null, Func<TimeProvider, InMemoryBackplane>? backplane = null)
    {
        (_endpoints, _endpoint, _configure) = (endpoints, endpoint, configure);
        Backplane = backplane?.Invoke(Time) ?? new(Time);
        for (int i = 0; i < pools; i++)
        {
            Join();
        }
    }

    public FakeClock Time { get; } = new();

    public InMemoryBackplane Backplane { get; }

    /// <summary>What each endpoint answers to whichever pool; null for a success.</summary>
    public Func<FakeService.Request, HttpResponseMessage?> On { get; set; } = _ => null;

    /// <inheritdoc cref="FakeService.Before"/>
    public Func<FakeService.Request, Task> Before { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyList<ServicePool> Pools => _pools;

    public ServicePool this[int pool] => _pools[pool];

    /// <summary>One more process starts.</summary>
    public ServicePool Join(ILoggerFactory? loggerFactory = null, IMeterFactory? meterFactory = null, Action<int, EndpointOptions>? endpoint = null, string[]? endpoints = null)
    {
        ServicePool pool = new(
            endpoints ?? _endpoints, endpoint ?? _endpoint,
            options =>
            {
                options.Backplane = Backplane;
                _configure?.Invoke(options);
            },
            loggerFactory, meterFactory, Time);
        pool.Service.On = request => On(request);
        pool.Service.Before = request => Before(request);
        _pools.Add(pool);
        return pool;
    }

    /// <summary>Makes so many calls by one pool, one after the other.</summary>
    public async Task AskAsync(int pool, int count, bool streaming = false)
    {
        for (int i = 0; i < count; i++)
        {
            await _pools[pool].AskAsync(streaming);
        }
    }

    /// <summary>How often each pool has asked the host.</summary>
    public int[] CallsTo(string host) => [.. _pools.Select(pool => pool.Service.Requests.Count(request => request.Host == host))];

    public EndpointStatus StatusOf(int pool, string name) => _pools[pool].Pool.GetStatus().First(status => status.Name == name);

    /// <summary>What another process tells, made by hand.</summary>
    public PoolFact Told(string host, EndpointFailureReason reason, double seconds, long generation = 1, bool isStated = false)
    {
        return new()
        {
            Id = reason switch
            {
                EndpointFailureReason.CredentialRefused => IdsOf(host).Key!.Value,
                EndpointFailureReason.Unreachable or EndpointFailureReason.Failed or EndpointFailureReason.BrokenAnswer => IdsOf(host).Resource,
                _ => IdsOf(host).Deployment,
            },
            Kind = PoolFactKind.Ejected,
            Reason = reason,
            For = TimeSpan.FromSeconds(seconds),
            IsStated = isStated,
            Generation = generation,
            Source = Guid.NewGuid(),
        };
    }

    public RoundRobin.Endpoints.EndpointIds IdsOf(string host) => _pools[0].Pool.Endpoints.First(endpoint => endpoint.Name.StartsWith(host, StringComparison.Ordinal)).Setup.Ids!;

    public void Dispose() => _pools.ForEach(static pool => pool.Dispose());
}
