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

    public FleetKeys(string fleetName)
    {
        // The braces keep all keys in one slot of a cluster.
        string fleet = $"{Schema}:{{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(fleetName)).AsSpan(0, HashBytes))}}}";
        Channel = fleet;
        Index = $"{fleet}:h";
    }

    public string Channel { get; }

    public RedisKey Index { get; }

    public RedisKey RecordOf(EndpointId id) => $"{Index}:{id}";
}
