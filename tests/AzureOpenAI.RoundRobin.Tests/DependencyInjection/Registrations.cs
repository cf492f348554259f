using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.Tests.DependencyInjection;

/// <summary>What registrations read and what they are built into.</summary>
internal static class Registrations
{
    public const string Connection = """
        [{"AZURE_OPENAI_ENDPOINT":"https://one.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789"},
         {"AZURE_OPENAI_ENDPOINT":"https://two.openai.azure.com","AZURE_OPENAI_API_KEY":"secret-key-of-two-0123456789"}]
        """;

    public static Dictionary<string, string?> On() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = Connection,
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
    };

    public static Dictionary<string, string?> Off() => new()
    {
        ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "false",
        ["AZURE_OPENAI_ENDPOINT"] = "https://single.openai.azure.com",
        ["AZURE_OPENAI_API_KEY"] = "secret-key-of-single-0123456789",
        ["AZURE_OPENAI_DEPLOYMENT"] = "base",
    };

    public static Dictionary<string, string?> Broken() => new(On())
    {
        ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = """
            [{"AZURE_OPENAI_API_KEY":"secret-key-of-one-0123456789"},{"AZURE_OPENAI_ENDPOINT":"https://two.openai.azure.com"}]
            """,
    };

    public static Action<RoundRobinOptions> Over(FakeService service) => options => options.HttpClient = new HttpClient(service, disposeHandler: false);

    public static ServiceProvider Build(Dictionary<string, string?> configuration, Action<IServiceCollection> register)
    {
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build());
        register(services);
        return services.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }
}
