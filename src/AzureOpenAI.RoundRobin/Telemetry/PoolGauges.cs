using System.Diagnostics.Metrics;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>The pools behind one meter, and their sums. One gauge reports the sum of all pools: of one gauge for each pool an exporter would keep the last value only.</summary>
/// <remarks>Holds pools weakly, so that a pool that is never disposed can still be collected.</remarks>
internal sealed class PoolGauges
{
    private static readonly (EndpointState State, string Name)[] States =
        [(EndpointState.Healthy, "healthy"), (EndpointState.Recovering, "recovering"), (EndpointState.Probing, "probing"), (EndpointState.Unavailable, "unavailable")];

    private readonly List<WeakReference<IStatusSource>> _pools = [];

    public void Add(IStatusSource pool)
    {
        lock (_pools)
        {
            _pools.RemoveAll(static entry => !entry.TryGetTarget(out _));
            _pools.Add(new(pool));
        }
    }

    public void Remove(IStatusSource pool)
    {
        lock (_pools)
        {
            _pools.RemoveAll(entry => !entry.TryGetTarget(out IStatusSource? other) || other == pool);
        }
    }

    /// <summary>The count for every state, also where it is zero, so that no line in a chart ends.</summary>
    public IEnumerable<Measurement<int>> ByState()
    {
        EndpointStatus[] all = Read();
        return all.Length == 0 ? [] : [.. States.Select(state =>
            new Measurement<int>(all.Count(status => status.State == state.State), new KeyValuePair<string, object?>("state", state.Name)))];
    }

    public IEnumerable<Measurement<int>> InFlight() => [.. Read()
        .GroupBy(static status => status.Name)
        .Select(static same => new Measurement<int>(same.Sum(static status => status.InFlight), new KeyValuePair<string, object?>("endpoint", same.Key)))];

    private EndpointStatus[] Read()
    {
        List<IStatusSource> pools = [];
        lock (_pools)
        {
            foreach (WeakReference<IStatusSource> entry in _pools)
            {
                if (entry.TryGetTarget(out IStatusSource? pool))
                {
                    pools.Add(pool);
                }
            }
        }

        return [.. pools.SelectMany(static pool => pool.GetStatus())];
    }
}

/// <summary>Something whose endpoints are counted: a pool.</summary>
internal interface IStatusSource
{
    IReadOnlyList<EndpointStatus> GetStatus();
}
