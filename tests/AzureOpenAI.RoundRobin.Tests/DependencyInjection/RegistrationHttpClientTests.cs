using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using static AzureOpenAI.RoundRobin.Tests.DependencyInjection.Registrations;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>HttpClientName of the options.</summary>
public class RegistrationHttpClientTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HttpClientName_ComesFromTheFactory()
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(On(), services =>
        {
            services.AddHttpClient("azure").ConfigurePrimaryHttpMessageHandler(() => service);
            services.AddAzureOpenAIRoundRobin(options => options.HttpClientName = "azure");
        });

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hi", cancellationToken: Token);

        Assert.Single(service.Requests);
    }

    [Theory]
    [InlineData("default", true, true)]
    [InlineData("sockets", true, true)]
    [InlineData("client", true, true)]
    [InlineData("client", true, false)]
    [InlineData("behind another", true, true)]
    [InlineData("fixed sockets", false, true)]
    [InlineData("fixed client", false, true)]
    [InlineData("foreign", false, true)]
    public async Task HttpClientName_FollowsRedirects_IsWarnedOfOnce(string kind, bool warns, bool on)
    {
        using FakeService service = new();
        await using ServiceProvider provider = Build(on ? On() : Off(), services =>
        {
            services.AddFakeLogging();
            IHttpClientBuilder http = services.AddHttpClient("azure");
            _ = kind switch
            {
                "sockets" => http.ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler()),
                "client" => http.ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler()),
                "behind another" => http.ConfigurePrimaryHttpMessageHandler(static () => new Passing { InnerHandler = new SocketsHttpHandler() }).AddHttpMessageHandler(static () => new Passing()),
                "fixed sockets" => http.ConfigurePrimaryHttpMessageHandler(static () => new SocketsHttpHandler { AllowAutoRedirect = false }),
                "fixed client" => http.ConfigurePrimaryHttpMessageHandler(static () => new HttpClientHandler { AllowAutoRedirect = false }),
                "foreign" => http.ConfigurePrimaryHttpMessageHandler(() => service),
                _ => http,
            };
            services.AddAzureOpenAIRoundRobin(options => (options.HttpClientName, options.AttemptTimeout) = ("azure", TimeSpan.FromSeconds(99)));
        });

        _ = provider.GetRequiredService<IChatClient>();

        string[] warnings = [.. provider.GetFakeLogCollector().GetSnapshot().Select(record => record.Message).Where(message => message.Contains("redirects", StringComparison.Ordinal))];
        Assert.Equal(warns ? 1 : 0, warnings.Length);
        Assert.All(warnings, static warning => Assert.Equal(
            "The HttpClient 'azure' follows redirects, and would send a key to the address that a redirect names; set AllowAutoRedirect = false on its primary handler.", warning));
    }

    [Fact]
    public async Task HttpClientName_WithoutAFactory_IsAFaultLikeAnyOther()
    {
        await using ServiceProvider provider = Build(Broken(), services => services.AddAzureOpenAIRoundRobin(options => options.HttpClientName = "azure"));

        OptionsValidationException failure = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IChatClient>());

        Assert.Equal(3, failure.Failures.Count());
        Assert.Contains("register it with AddHttpClient", failure.Message, StringComparison.Ordinal);
    }

    private sealed class Passing : DelegatingHandler
    {
    }
}
