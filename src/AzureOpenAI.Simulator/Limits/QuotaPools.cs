using System.Collections.Frozen;

namespace AzureOpenAI.Simulator;

/// <summary>The quota pools of a simulator, by name.</summary>
internal sealed class QuotaPools(IEnumerable<QuotaPoolOptions> options, SimulatorClock clock)
{
    public IReadOnlyDictionary<string, QuotaPool> ByName { get; } = options.ToFrozenDictionary(
        pool => pool.Name, pool => new QuotaPool(pool, clock), StringComparer.OrdinalIgnoreCase);

    public QuotaPool this[string name] => ByName[name];

    public bool Contains(string name) => ByName.ContainsKey(name);
}
