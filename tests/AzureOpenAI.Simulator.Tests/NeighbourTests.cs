using System.ClientModel;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>Another user of the same limits.</summary>
public sealed class NeighbourTests
{
    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_ScriptedNeighbour_LeavesItsPartFromItsMomentOn()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 60;
            deployment
                .ChangeNeighbour(TimeSpan.FromSeconds(10), 0.6)
                .ChangeNeighbour(TimeSpan.FromSeconds(20), 0);
        });
        using var client = new WireClient(azure["east"]);

        var alone = await client.ChatAsync();
        int before = await AdmittedAsync(client);
        _time.Advance(TimeSpan.FromSeconds(10));
        var shared = await client.ChatAsync();
        int meanwhile = await AdmittedAsync(client);
        _time.Advance(TimeSpan.FromSeconds(10));
        int after = await AdmittedAsync(client);

        Assert.Equal(("60", "9"), (alone.Header("x-ratelimit-limit-requests"), alone.Header("x-ratelimit-remaining-requests")));
        Assert.Equal(("60", "3"), (shared.Header("x-ratelimit-limit-requests"), shared.Header("x-ratelimit-remaining-requests")));
        Assert.Equal((9, 3, 10), (before, meanwhile, after));
    }

    [Fact]
    public async Task Pool_NeighbourComesWhileItServes_LeavesItsPartOfTheTokens()
    {
        await using var azure = await AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.TimeProvider = _time;
                options.AddQuotaPool("shared", pool => pool.TokensPerMinute = 1000);
                options.AddResource("east", resource => resource.AddDeployment("gpt-4o", deployment =>
                {
                    deployment.QuotaPool = "shared";
                    deployment.EstimateTokens = _ => 100;
                }));
            },
            TestContext.Current.CancellationToken);
        using var client = new WireClient(azure["east"]);

        azure.QuotaPools["shared"].ChangeNeighbour(TimeSpan.Zero, 0.5);
        int admitted = await AdmittedAsync(client);

        Assert.Equal(5, admitted);
        Assert.Throws<InvalidOperationException>(() => azure["east"]["gpt-4o"].ChangeNeighbour(TimeSpan.Zero, 0.5));
        Assert.Throws<ArgumentException>(() => azure.QuotaPools["shared"].ChangeNeighbour(TimeSpan.Zero, 1));
    }

    [Fact]
    public async Task Requests_NeighbourTakesNearlyAll_LeavesOne()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 60;
            deployment.RequestWindowKind = WindowKind.Bucket;
            deployment.ChangeNeighbour(TimeSpan.Zero, 0.999);
        });
        using var client = new WireClient(azure["east"]);

        int admitted = await AdmittedAsync(client);

        Assert.Equal(1, admitted);
    }

    [Fact]
    public async Task Requests_NeighbourBySdk_OneOfTwoIsAnswered()
    {
        await using var azure = await Simulators.StartLimitedAsync(_time, deployment =>
        {
            deployment.RequestsPerMinute = 12;
            deployment.ChangeNeighbour(TimeSpan.Zero, 0.5);
        });
        using var client = Sdk.Classic(azure["east"]);

        await client.GetResponseAsync("hello", cancellationToken: Cancellation);
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("hello", cancellationToken: Cancellation));

        Assert.Equal(429, exception.Status);
    }

    private static async Task<int> AdmittedAsync(WireClient client) => (await client.StatusesAsync(12)).Count(status => status == 200);
}
