using AzureOpenAI.RoundRobin.Scenarios.Clients;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The contestants of the first table over fakes; what the SDK's client adds by itself is added by hand.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it. The last argument takes what our pool tells its log.</param>
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
        RoundRobinOptions options = new() { DeploymentName = "gpt-4o" };
        if (scenario.HasHeaders)
        {
            // Limits are told in headers, which only the SDK's clients see: here they are as they are, over a transport that answers in simulated time.
            options.HttpClient = new HttpClient(new FakeTransport(models)) { Timeout = Timeout.InfiniteTimeSpan };
        }

        for (int i = 0; i < models.Count; i++)
        {
            EndpointOptions endpoint = new() { Name = models[i].Name, Weight = scenario.Weights?[i] ?? 1 };
            if (scenario.HasHeaders)
            {
                (endpoint.Endpoint, endpoint.ApiKey) = (FakeTransport.AddressOf(models[i]), "key");
            }
            else
            {
                endpoint.ChatClient = models[i];
            }

            options.Endpoints.Add(endpoint);
        }

        return new RoundRobinChatClient(new EndpointPool(options, verdicts, time));
    }
}
