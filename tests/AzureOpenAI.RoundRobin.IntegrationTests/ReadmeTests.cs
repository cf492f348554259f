using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What stands in the readmes is what a newcomer pastes, so it compiles and is read without a fault.</summary>
public sealed class ReadmeTests
{
    private static readonly string[] OfProjects =
    [
        "samples/Dashboard/LiveView/README.md", "tests/AzureOpenAI.RoundRobin.Benchmarks/README.md", "tests/AzureOpenAI.RoundRobin.BrowserTests/README.md",
        "tests/AzureOpenAI.RoundRobin.Scenarios/README.md", "CHANGELOG.md",
    ];

    public static TheoryData<string, int> CodeBlocks => [.. Readme.Pages.SelectMany(readme => Readme.Blocks(readme, "csharp").Select((_, i) => (readme, i + 1)))];

    [Theory]
    [MemberData(nameof(CodeBlocks))]
    public void A_code_block_compiles(string readme, int number) => Assert.Empty(Readme.Compile(Readme.Blocks(readme, "csharp")[number - 1]));

    [Fact]
    public void A_code_block_that_is_wrong_is_found_out() =>
        Assert.NotEmpty(Readme.Compile("using RoundRobinChatClient chat = RoundRobinChatClient.FromNowhere();"));

    [Fact]
    public void A_link_leads_somewhere() =>
        Assert.Empty(Readme.Pages.Concat(OfProjects).SelectMany(static page => Readme.DeadLinks(page).Select(target => $"{page}: {target}")));

    [Theory]
    [InlineData("README.md", "bash")]
    [InlineData("docs/configuration.md", "powershell")]
    [InlineData("docs/configuration.md", "ini")]
    [InlineData("src/AzureOpenAI.RoundRobin/README.md", "bash")]
    public void The_variables_are_read_as_they_stand(string readme, string language)
    {
        string[] connections = [.. Readme.Blocks(readme, language).Where(static block => block.Contains(Connections.Connection, StringComparison.Ordinal))];

        Assert.NotEmpty(connections);
        foreach (string block in connections)
        {
            string array = block[block.IndexOf('[', StringComparison.Ordinal)..(block.LastIndexOf(']') + 1)];
            Assert.Contains("<key>", array, StringComparison.Ordinal);
            Resolution resolution = ConfigurationResolver.ForEnvironment(
                new RoundRobinOptions(), environment: name => name == Connections.Connection ? Readme.WithKeys(array) : null);

            Assert.Equal(["contoso-sweden", "contoso-france"], resolution.Settings.Endpoints.Select(static endpoint => endpoint.Name));
            Assert.Empty(resolution.Warnings);
        }
    }

    [Fact]
    public void The_connection_strings_are_read_as_they_stand()
    {
        string block = Assert.Single(Readme.Blocks("docs/configuration.md", "ini"), static block => block.Contains("ConnectionStrings__", StringComparison.Ordinal));
        Dictionary<string, string> variables = Readme.WithKeys(block).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]);
        RoundRobinOptions options = new();
        options.ConnectionNames.Add("sweden");
        options.ConnectionNames.Add("france");

        Resolution resolution = ConfigurationResolver.ForEnvironment(options, environment: variables.GetValueOrDefault);

        Assert.Equal([("sweden", "gpt-4o"), ("france", "gpt-4o")], resolution.Settings.Endpoints.Select(static endpoint => (endpoint.Name, endpoint.Deployment!)));
        Assert.Empty(resolution.Warnings);
    }

    [Fact]
    public void The_section_is_read_as_it_stands()
    {
        string json = Assert.Single(Readme.Blocks("docs/configuration.md", "json"));
        IConfiguration configuration = new ConfigurationBuilder()
            .AddJsonStream(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(json)))
            .AddInMemoryCollection([new("AzureOpenAI:Endpoints:sweden:ApiKey", "key-of-sweden"), new("AzureOpenAI:Endpoints:france:ApiKey", "key-of-france")])
            .Build();
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(configuration).AddAzureOpenAIRoundRobin(configuration.GetSection("AzureOpenAI"));
        using ServiceProvider provider = services.BuildServiceProvider();
        Resolution resolution = provider.GetRequiredKeyedService<Resolution>("");

        Assert.True(resolution.IsEnabled);
        Assert.Equal([("france", "gpt-4o", 2), ("sweden", "gpt-4o", 1)], resolution.Settings.Endpoints.Select(static endpoint => (endpoint.Name, endpoint.Deployment!, endpoint.Weight)));
        Assert.Equal((TimeSpan.FromSeconds(10), EndpointAffinity.PromptCache), (resolution.Settings.MaxWait, resolution.Settings.Affinity));
        Assert.Empty(resolution.Warnings);
    }
}
