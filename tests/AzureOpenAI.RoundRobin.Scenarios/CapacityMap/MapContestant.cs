using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>A client of the map.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it over the endpoints, with the seed of the cell.</param>
internal sealed record MapContestant(string Name, Func<IReadOnlyList<IChatClient>, VirtualTime, int, IChatClient> Create)
{
    public const string OursName = "ours";

    public static IReadOnlyList<MapContestant> All { get; } =
    [
        new(OursName, Ours),
        new("naive", (models, time, _) => new NaiveRotation([.. models.Select(model => new SdkRetries(model, time))])),
        new("failover", (models, _, _) => new OrderedFailoverChatClient([.. models])),
    ];

    private static RoundRobinChatClient Ours(IReadOnlyList<IChatClient> models, VirtualTime time, int seed)
    {
        RoundRobinOptions options = new();
        for (int i = 0; i < models.Count; i++)
        {
            options.Endpoints.Add(new EndpointOptions { Name = $"m{i}", ChatClient = models[i] });
        }

#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(seed);
        return new RoundRobinChatClient(new EndpointPool(ConfigurationResolver.ForPool(options), timeProvider: time, start: (uint)random.Next(), jitter: random.NextDouble));
#pragma warning restore CA5394
    }
}
