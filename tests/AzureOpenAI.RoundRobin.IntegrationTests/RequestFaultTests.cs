using System.ClientModel;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The request is at fault: it is asked once, and nobody is blamed for it.</summary>
public sealed class RequestFaultTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_filtered_prompt_is_asked_once_and_surfaces_as_the_SDKs_own_exception(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);

        for (int i = 0; i < 6; i++)
        {
            ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming, "[content-filter] please"));
            Assert.Equal(400, exception.Status);
            Assert.Contains("content_filter", exception.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
        }

        Assert.Equal([2, 2, 2], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(400, false)]
    [InlineData(400, true)]
    [InlineData(413, false)]
    [InlineData(413, true)]
    [InlineData(415, false)]
    [InlineData(422, true)]
    [InlineData(431, false)]
    public async Task A_status_against_the_request_ends_the_call(int status, bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Status(status));

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming));

        Assert.Equal(status, exception.Status);
        Assert.Equal(1, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_surfaces_as_itself_also_after_a_failover(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming, "[content-filter]"));

        Assert.Equal(400, exception.Status);
        Assert.Equal(["east", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("west").State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deployment_that_one_resource_lacks_is_looked_for_at_the_others(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(
            ["east", "west", "north"], setup => setup.Resource = resource => resource.AddDeployment(resource.Name == "east" ? "another" : Fleet.Deployment));

        for (int i = 0; i < 30; i++)
        {
            Assert.NotEqual("east", (await fleet.AskAsync(streaming)).Endpoint);
        }

        Assert.Equal(1, fleet.Attempts("east"));
        Assert.Equal(EndpointFailureReason.MissingDeployment, fleet.StatusOf("east").Reason);
        Assert.InRange(fleet.Attempts("west") - fleet.Attempts("north"), -1, 1);
    }
}
