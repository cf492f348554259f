using AzureOpenAI.RoundRobin.Redis.Facts;

namespace AzureOpenAI.RoundRobin.Redis.Tests.Facts;

/// <summary>Records and facts, with ids from short names.</summary>
internal static class Facts
{
    public static readonly Guid Own = Guid.NewGuid(), Other = Guid.NewGuid();

    public static EndpointId Id(string name) => EndpointId.TryParse(name.PadRight(16, 'A'), out EndpointId id) ? id : throw new ArgumentException(name);

    public static FactRecord Ejected(string name, long generation, long until) =>
        new() { Id = Id(name), Kind = PoolFactKind.Ejected, Generation = generation, Until = until, Source = Other };

    public static FactRecord Recovered(string name, long generation, long until) => Ejected(name, generation, until) with { Kind = PoolFactKind.Recovered };

    public static PoolFact Found(string name, long generation, double seconds) =>
        new() { Id = Id(name), Kind = PoolFactKind.Ejected, Generation = generation, For = TimeSpan.FromSeconds(seconds), Source = Own };

    public static PoolFact Back(string name, long generation) => new() { Id = Id(name), Kind = PoolFactKind.Recovered, Generation = generation, Source = Own };
}
