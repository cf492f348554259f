using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

internal static class Simulators
{
    public static Task<AzureOpenAISimulator> StartOneAsync(Action<ResourceOptions>? configure = null, TimeProvider? time = null) =>
        AzureOpenAISimulator.StartAsync(
            options =>
            {
                options.TimeProvider = time ?? TimeProvider.System;
                options.AddResource("east", configure);
            },
            TestContext.Current.CancellationToken);

    public static Task<AzureOpenAISimulator> StartLimitedAsync(FakeTimeProvider time, Action<DeploymentOptions> configure) =>
        StartOneAsync(resource => resource.AddDeployment("gpt-4o", configure), time);
}
