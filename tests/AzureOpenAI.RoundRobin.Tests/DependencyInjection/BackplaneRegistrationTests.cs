using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>The backplane of a registered pool.</summary>
public sealed class BackplaneRegistrationTests
{
    [Fact]
    public async Task Registered_IsThatOfEveryPool()
    {
        InMemoryBackplane backplane = new(TimeProvider.System);
        await using ServiceProvider provider = Registrations.Build(Registrations.On(), services =>
        {
            services.AddSingleton<IPoolBackplane>(backplane);
            services.AddAzureOpenAIRoundRobin();
            services.AddKeyedAzureOpenAIRoundRobin("second");
        });
        _ = (provider.GetRequiredService<IChatClient>(), provider.GetRequiredKeyedService<IChatClient>("second"));

        Assert.Equal(2, backplane.Subscribers);
        await provider.DisposeAsync();
        Assert.Equal(0, backplane.Subscribers);
    }

    [Fact]
    public async Task InTheOptions_BeatsTheRegisteredOne()
    {
        InMemoryBackplane registered = new(TimeProvider.System), own = new(TimeProvider.System);
        await using ServiceProvider provider = Registrations.Build(Registrations.On(), services =>
        {
            services.AddSingleton<IPoolBackplane>(registered);
            services.AddAzureOpenAIRoundRobin(options => options.Backplane = own);
        });
        _ = provider.GetRequiredService<IChatClient>();

        Assert.Equal((0, 1), (registered.Subscribers, own.Subscribers));
    }
}
