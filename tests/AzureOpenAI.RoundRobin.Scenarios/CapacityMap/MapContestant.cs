using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>A client of the map.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it over the endpoints, of a cell.</param>
internal sealed record MapContestant(string Name, Func<IReadOnlyList<LimitedModel>, MapCell, VirtualTime, IChatClient> Create)
{
    public const string OursName = "ours";

    public static IReadOnlyList<MapContestant> All { get; } =
    [
        new(OursName, Ours),
        new("naive", (models, _, time) => new NaiveRotation([.. models.Select(model => new SdkRetries(model, time))])),
        new("failover", (models, _, _) => new OrderedFailoverChatClient([.. models])),
    ];

    private static RoundRobinChatClient Ours(IReadOnlyList<LimitedModel> models, MapCell cell, VirtualTime time)
    {
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        if (cell.Headers != HeaderForm.Absent)
        {
            // Only the SDK's clients see headers: here they are as they are, over a transport that answers in simulated time.
            options.HttpClient = new HttpClient(new FakeTransport(models)) { Timeout = Timeout.InfiniteTimeSpan };
        }

        foreach (LimitedModel model in models)
        {
            options.Endpoints.Add(cell.Headers == HeaderForm.Absent
                ? new EndpointOptions { Name = model.Name, ChatClient = model }
                : new EndpointOptions { Name = model.Name, Endpoint = FakeTransport.AddressOf(model), ApiKey = "key" });
        }

#pragma warning disable CA5394 // The same numbers in every run are what is wanted.
        Random random = new(cell.Seed);
        return new RoundRobinChatClient(new EndpointPool(ConfigurationResolver.ForPool(options), timeProvider: time, start: (uint)random.Next(), jitter: random.NextDouble));
#pragma warning restore CA5394
    }
}
