using System.ClientModel;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>Limits on the requests that run at once.</summary>
public sealed class InFlightTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_OneMoreThanMayRun_IsRejectedWithoutAHintUntilOneEnds()
    {
        var released = new TaskCompletionSource();
        await using var azure = await StartAsync(deployment => deployment.MaxRequestsInFlight = 2, released);
        using var client = new WireClient(azure["east"]);
        var running = new[] { client.ChatAsync(), client.ChatAsync() };
        await azure.Ledger.WaitForAsync(entries => entries.Count(entry => entry.EstimatedTokens > 0) == 2, Cancellation);

        var rejected = await client.ChatAsync();
        released.SetResult();
        var ended = await Task.WhenAll(running);
        var later = await client.ChatAsync();

        Assert.Equal((429, null, null), (rejected.Status, rejected.Header("Retry-After"), rejected.Header("retry-after-ms")));
        Assert.Contains("call rate limit", rejected.Body, StringComparison.Ordinal);
        Assert.Contains("try again later", rejected.Body, StringComparison.Ordinal);
        Assert.All(ended, answer => Assert.Equal(200, answer.Status));
        Assert.Equal(200, later.Status);
    }

    [Fact]
    public async Task Requests_FiveOneAfterTheOtherByTheSdk_AreAllAnswered()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddDeployment("gpt-4o", deployment => deployment.MaxRequestsInFlight = 1));
        using var client = Sdk.Classic(azure["east"]);

        for (int i = 0; i < 5; i++)
        {
            await client.GetResponseAsync("hello", cancellationToken: Cancellation);
            await client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ToListAsync(Cancellation);
        }

        Assert.Equal(10, azure.Ledger.Count("east").Answered);
    }

    [Fact]
    public async Task Requests_OneMoreByTheSdkAndAConstantHint_IsA429WithThatHint()
    {
        var released = new TaskCompletionSource();
        await using var azure = await StartAsync(
            deployment => (deployment.MaxRequestsInFlight, deployment.RetryHint) = (1, RetryHint.Constant(TimeSpan.FromSeconds(1))), released);
        using var client = Sdk.Classic(azure["east"]);
        var running = client.GetResponseAsync("hello", cancellationToken: Cancellation);
        await azure.Ledger.WaitForAsync(entries => entries.Count(entry => entry.EstimatedTokens > 0) == 1, Cancellation);

        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("hello", cancellationToken: Cancellation));
        released.SetResult();
        await running;

        Assert.Equal(429, exception.Status);
        Assert.True(exception.GetRawResponse()!.Headers.TryGetValue("Retry-After", out string? seconds));
        Assert.Equal("1", seconds);
    }

    [Fact]
    public async Task Requests_CallerLeavesOrAnswerBreaks_MakesRoom()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource
            .AddDeployment("gpt-4o", deployment => deployment.MaxRequestsInFlight = 1)
            .AddFault(Fault.CutAfter(2).ForStreams().Times(1)));
        using var client = new WireClient(azure["east"]);

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => client.ChatAsync(stream: true));
        var later = await client.ChatAsync();

        Assert.Equal(200, later.Status);
    }

    private static Task<AzureOpenAISimulator> StartAsync(Action<DeploymentOptions> configure, TaskCompletionSource released) =>
        Simulators.StartOneAsync(resource => resource.AddDeployment("gpt-4o", deployment =>
        {
            configure(deployment);
            deployment.Responder = async (_, cancellationToken) =>
            {
                await released.Task.WaitAsync(cancellationToken);
                return "done";
            };
        }));
}
