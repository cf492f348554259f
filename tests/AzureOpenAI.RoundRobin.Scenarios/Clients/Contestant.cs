using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using Microsoft.Extensions.AI;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Scenarios.Clients;

/// <summary>A client as a user would set it up over the given endpoints.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it. The patience is that of the scenario's callers, for a client that can be told.</param>
internal sealed record Contestant(string Name, Func<IReadOnlyList<Address>, TimeSpan?, IChatClient> Create)
{
    public static Contestant Ours { get; } = new("ours", (addresses, patience) => Pool(addresses, patience, EndpointAffinity.None));

    /// <summary>The same, told that prompts are cached.</summary>
    public static Contestant OursWithAffinity { get; } = new("ours-affinity", (addresses, patience) => Pool(addresses, patience, EndpointAffinity.PromptCache));

    /// <summary>The SDK's own client, with its retries, at the first endpoint.</summary>
    public static Contestant Single { get; } = new("single", (addresses, _) => Plain(addresses[0]));

    /// <summary>A cursor over the SDK's clients, each with its own retries.</summary>
    public static Contestant Naive { get; } = new("naive", (addresses, _) => new NaiveRotation([.. addresses.Select(address => Plain(address))]));

    /// <summary>M.E.AI's failover in order. The SDK's retries are off, which is kinder to it than leaving them on.</summary>
    public static Contestant Failover { get; } = new("failover", (addresses, _) => new OrderedFailoverChatClient([.. addresses.Select(address => Plain(address, retries: false))]));

    /// <summary>The same with the order rotated from call to call.</summary>
    public static Contestant RotatedFailover { get; } = new("failover-rotated", (addresses, _) => NaiveRotation.OfFailovers([.. addresses.Select(address => Plain(address, retries: false))]));

    /// <summary>A day's work with Polly.</summary>
    public static Contestant Polly { get; } = new("polly", (addresses, _) => new PollyRotation([.. addresses.Select(address => Plain(address, retries: false))]));

    /// <summary>Those of most scenarios.</summary>
    public static IReadOnlyList<Contestant> All { get; } = [Ours, Single, Naive, Failover, RotatedFailover, Polly];

    public static IReadOnlyList<Contestant> Everyone { get; } = [Ours, OursWithAffinity, Single, Naive, Failover, RotatedFailover, Polly];

    /// <summary>Ours in one of several processes, which share over Redis where it is given, with configured limits where these are.</summary>
    public static IChatClient OneOfMany(IReadOnlyList<Address> addresses, TimeSpan? patience, IConnectionMultiplexer? redis, string fleet, IReadOnlyList<int>? perMinute) =>
        Pool(addresses, patience, EndpointAffinity.None, options =>
        {
            for (int i = 0; i < (perMinute?.Count ?? 0); i++)
            {
                options.Endpoints[i].RequestsPerMinute = perMinute![i];
            }

            if (redis is not null)
            {
                options.UseRedis(redis, sharing => sharing.FleetName = fleet);
            }
        });

    private static RoundRobinChatClient Pool(IReadOnlyList<Address> addresses, TimeSpan? patience, EndpointAffinity affinity, Action<RoundRobinOptions>? configure = null)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment, Affinity = affinity };
        foreach (Address address in addresses)
        {
            options.Endpoints.Add(new EndpointOptions { Name = address.Name, Endpoint = address.Endpoint, ApiKey = address.ApiKey, Priority = address.Priority });
        }

        options.MaxWait = patience ?? options.MaxWait;
        configure?.Invoke(options);
        return new RoundRobinChatClient(new EndpointPool(options));
    }

    private static IChatClient Plain(Address address, bool retries = true)
    {
        AzureOpenAIClientOptions options = new();
        if (!retries)
        {
            options.RetryPolicy = new ClientRetryPolicy(maxRetries: 0);
        }

        return new AzureOpenAIClient(address.Endpoint, new ApiKeyCredential(address.ApiKey), options).GetChatClient(Fleet.Deployment).AsIChatClient();
    }
}
