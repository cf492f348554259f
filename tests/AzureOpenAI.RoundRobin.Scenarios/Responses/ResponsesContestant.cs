using System.ClientModel;
using System.ClientModel.Primitives;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>A client of the Responses API as a user would set it up over simulated resources.</summary>
/// <param name="Name">As it stands in the table and after <c>--client</c>.</param>
/// <param name="Create">Makes it.</param>
internal sealed record ResponsesContestant(string Name, Func<AzureOpenAISimulator, IChatClient> Create)
{
    public static ResponsesContestant Ours { get; } = new("ours", static azure => Pool(azure, static resource => new EndpointOptions { Name = resource.Name, Endpoint = resource.Endpoint, ApiKey = resource.ApiKey }));

    /// <summary>M.E.AI's failover in order over the SDK's clients. Their retries are off, which is kinder to it than leaving them on.</summary>
    public static ResponsesContestant Failover { get; } = new("failover", static azure => new OrderedFailoverChatClient([.. azure.Resources.Select(Plain)]));

    public static IReadOnlyList<ResponsesContestant> All { get; } = [Ours, Failover];

    private static RoundRobinChatClient Pool(AzureOpenAISimulator azure, Func<SimulatedResource, EndpointOptions> endpoint)
    {
        RoundRobinOptions options = new() { DeploymentName = ResponsesFleet.Deployment, Api = EndpointApi.Responses, MaxWait = ResponsesFleet.MaxWait };
        foreach (SimulatedResource resource in azure.Resources)
        {
            options.Endpoints.Add(endpoint(resource));
        }

        return new RoundRobinChatClient(new EndpointPool(options));
    }

    private static IChatClient Plain(SimulatedResource resource) => new OpenAIClient(
        new ApiKeyCredential(resource.ApiKey),
        new OpenAIClientOptions { Endpoint = resource.V1Endpoint, RetryPolicy = new ClientRetryPolicy(maxRetries: 0), NetworkTimeout = Timeout.InfiniteTimeSpan })
        .GetResponsesClient().AsIChatClient(ResponsesFleet.Deployment);
}
