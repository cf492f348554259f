using System.Diagnostics.Metrics;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>The pools behind one meter, and what they come to. A gauge tells the sum of all: with a gauge for each, the last one asked would stand for the others.</summary>
/// <remarks>Holds pools weakly, so that one that nobody disposes can still be collected.</remarks>
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

    /// <summary>Every state, the empty ones too, so that no line in a chart breaks off.</summary>
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
