using AzureOpenAI.RoundRobin.Scenarios.Clients;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The contestants of the first table over fakes; what the SDK's client adds by itself is added by hand.</summary>
internal sealed record SimulatedContestant(string Name, Func<IReadOnlyList<FakeModel>, VirtualTime, IChatClient> Create)
{
    public static IReadOnlyList<SimulatedContestant> All { get; } =
    [
        new("ours", (models, time) => new RoundRobinChatClient(models, timeProvider: time)),
        new("single", (models, time) => new SdkRetries(models[0], time)),
        new("naive", (models, time) => new NaiveRotation([.. models.Select(model => new SdkRetries(model, time))])),
        new("failover", (models, _) => new OrderedFailoverChatClient([.. models])),
        new("failover-rotated", (models, _) => NaiveRotation.OfFailovers([.. models])),
        new("polly", (models, time) => new PollyRotation([.. models], time)),
    ];
}
