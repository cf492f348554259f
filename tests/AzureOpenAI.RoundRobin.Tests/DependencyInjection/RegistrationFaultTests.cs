using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using static AzureOpenAI.RoundRobin.Tests.DependencyInjection.Registrations;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>Faults of a configuration: when they are thrown, and that all are named.</summary>
public class RegistrationFaultTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WithAHost_StopItsStart()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddAzureOpenAIRoundRobin();
        using IHost host = builder.Build();

        OptionsValidationException failure = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));

        AssertNamesEveryFault(failure);
    }

    [Fact]
    public async Task KeyedRegistrationWithAHost_StopItsStart()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddKeyedAzureOpenAIRoundRobin("key", options => options.DeploymentName = "x");
        using IHost host = builder.Build();

        AssertNamesEveryFault(await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token)));
    }

    [Fact]
    public async Task TwoRegistrationsWithAHost_AreAllInOneMessage()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(Broken());
        builder.Services.AddAzureOpenAIRoundRobin();
        builder.Services.AddKeyedAzureOpenAIRoundRobin("key", options => options.DeploymentName = "x");
        using IHost host = builder.Build();

        AggregateException failure = await Assert.ThrowsAsync<AggregateException>(() => host.StartAsync(Token));

        Assert.All(failure.InnerExceptions, inner => AssertNamesEveryFault(Assert.IsType<OptionsValidationException>(inner)));
        Assert.Single(failure.InnerExceptions, inner => inner.Message.Contains("Registration 'key'", StringComparison.Ordinal));
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoFaultWithAHost_StartsWithoutACall()
    {
        using FakeService service = new();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(On());
        builder.Services.AddAzureOpenAIRoundRobin(Over(service));
        using IHost host = builder.Build();

        await host.StartAsync(Token);
        await host.StopAsync(Token);

        Assert.Empty(service.Requests);
    }

    [Fact]
    public async Task WithoutAHost_AreThrownAtTheFirstResolve()
    {
        await using ServiceProvider provider = Build(Broken(), services => services.AddAzureOpenAIRoundRobin());

        AssertNamesEveryFault(Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IChatClient>()));
        AssertNamesEveryFault(Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<EndpointPool>()));
    }

    private static void AssertNamesEveryFault(OptionsValidationException failure)
    {
        Assert.Equal(2, failure.Failures.Count());
        Assert.Contains("AZURE_OPENAI_ENDPOINT", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AZURE_OPENAI_API_KEY", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }
}
