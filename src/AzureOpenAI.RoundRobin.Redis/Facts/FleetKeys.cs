using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>The names of a fleet's keys and channel. They hold a hash of its name, and ids that are hashes too.</summary>
internal sealed class FleetKeys
{
    /// <summary>The schema. A change that older versions cannot read needs another.</summary>
    private const string Schema = "rr1";

    private const int HashBytes = 8;

    private readonly string _fleet;

    public FleetKeys(string fleetName)
    {
        // The braces keep all keys in one slot of a cluster.
        string fleet = $"{Schema}:{{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(fleetName)).AsSpan(0, HashBytes))}}}";
        Channel = fleet;
        Index = $"{fleet}:h";
        _fleet = fleet;
    }

    public string Channel { get; }

    public RedisKey Index { get; }

    public RedisKey RecordOf(EndpointId id) => $"{Index}:{id}";

    /// <summary>Held while permits are granted.</summary>
    public RedisKey Lock => $"{_fleet}:l";

    /// <summary>The calls that were granted at a deployment.</summary>
    public RedisKey CallsOf(EndpointId id) => $"{_fleet}:r:{id}";

    /// <summary>The tokens that were granted there.</summary>
    public RedisKey TokensOf(EndpointId id) => $"{_fleet}:t:{id}";

    /// <summary>The pace of a deployment, and its line.</summary>
    public RedisKey PaceOf(EndpointId id) => $"{_fleet}:p:{id}";
}
