using AzureOpenAI.RoundRobin.Scenarios.Clients;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The contestants of the first table over fakes; what the SDK's client adds by itself is added by hand.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it. The last argument says whether the limits are told in headers, which only the SDK's clients see.</param>
internal sealed record SimulatedContestant(string Name, Func<IReadOnlyList<FakeModel>, VirtualTime, bool, IChatClient> Create)
{
    public static IReadOnlyList<SimulatedContestant> All { get; } =
    [
        new("ours", (models, time, headers) => headers ? OverHttp(models, time) : new RoundRobinChatClient(models, timeProvider: time)),
        new("single", (models, time, _) => new SdkRetries(models[0], time)),
        new("naive", (models, time, _) => new NaiveRotation([.. models.Select(model => new SdkRetries(model, time))])),
        new("failover", (models, _, _) => new OrderedFailoverChatClient([.. models])),
        new("failover-rotated", (models, _, _) => NaiveRotation.OfFailovers([.. models])),
        new("polly", (models, time, _) => new PollyRotation([.. models], time)),
    ];

    /// <summary>The pool and the SDK's clients as they are, over a transport that answers in simulated time.</summary>
    private static RoundRobinChatClient OverHttp(IReadOnlyList<FakeModel> models, VirtualTime time)
    {
        RoundRobinOptions options = new()
        {
            DeploymentName = "gpt-4o",
            HttpClient = new HttpClient(new FakeTransport(models)) { Timeout = Timeout.InfiniteTimeSpan },
        };
        foreach (FakeModel model in models)
        {
            options.Endpoints.Add(new EndpointOptions { Name = model.Name, Endpoint = FakeTransport.AddressOf(model), ApiKey = "key" });
        }

        return new RoundRobinChatClient(new EndpointPool(options, timeProvider: time));
    }
}
