using AzureOpenAI.RoundRobin.Scenarios.Clients;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The contestants of the first table over fakes; what the SDK's client adds by itself is added by hand.</summary>
internal sealed record SimulatedContestant(string Name, Func<IReadOnlyList<FakeModel>, SimulatedScenario, VirtualTime, VerdictLog, IChatClient> Create)
{
    public static IReadOnlyList<SimulatedContestant> All { get; } =
    [
        new("ours", Ours),
        new("single", (models, _, time, _) => new SdkRetries(models[0], time)),
        new("naive", (models, _, time, _) => new NaiveRotation([.. models.Select(model => new SdkRetries(model, time))])),
        new("failover", (models, _, _, _) => new OrderedFailoverChatClient([.. models])),
        new("failover-rotated", (models, _, _, _) => NaiveRotation.OfFailovers([.. models])),
        new("polly", (models, _, time, _) => new PollyRotation([.. models], time)),
    ];

    private static RoundRobinChatClient Ours(IReadOnlyList<FakeModel> models, SimulatedScenario scenario, VirtualTime time, VerdictLog verdicts)
    {
        RoundRobinOptions options = new();
        for (int i = 0; i < models.Count; i++)
        {
            options.Endpoints.Add(new EndpointOptions { ChatClient = models[i], Name = models[i].Name, Weight = scenario.Weights?[i] ?? 1 });
        }

        return new RoundRobinChatClient(new EndpointPool(options, verdicts, time));
    }
}
