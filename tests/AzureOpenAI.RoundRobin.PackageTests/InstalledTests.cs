using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.PackageTests;

/// <summary>What stands in the readmes does what they say, in an app that has nothing but the packages.</summary>
public sealed class InstalledTests(Packages packages, FreshApp apps) : IClassFixture<FreshApp>
{
    private static readonly Dictionary<string, string> None = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Environment", "AzureOpenAI.RoundRobin")]
    [InlineData("Tokens", "AzureOpenAI.RoundRobin.Tokenizers")]
    [InlineData("Fleet", "AzureOpenAI.RoundRobin.Redis")]
    [InlineData("Simulation", "AzureOpenAI.Simulator")]
    public void The_app_has_the_packed_assembly_and_no_other(string app, string id)
    {
        using Package package = packages.Open(id);

        Assert.Equal(package.Read($"lib/net10.0/{id}.dll"), apps.Read(app, $"{id}.dll"));
    }

    [Fact]
    public async Task Without_a_service_collection_it_asks_and_streams_in_turn()
    {
        await using AzureOpenAISimulator azure = await StartAsync();

        string output = await apps.RunAsync("Environment", Variables(azure));

        Match answers = Regex.Match(output, @"\[(contoso-\w+)\] What does round-robin mean\?\s+\[(contoso-\w+)\] Count from one to ten\.");
        Assert.Equal(["contoso-france", "contoso-sweden"], answers.Groups.Values.Skip(1).Select(static resource => resource.Value).Order());
        Assert.Equal([false, true], azure.Ledger.Snapshot().Select(static entry => entry.Streamed));
    }

    [Theory]
    [InlineData("Services", "Hello")]
    [InlineData("InShort", "What does round-robin mean?")]
    public async Task It_asks_one_of_its_endpoints(string app, string question)
    {
        await using AzureOpenAISimulator azure = await StartAsync();

        Assert.Matches($@"^\[contoso-(sweden|france)\] {Regex.Escape(question)}\s*$", await apps.RunAsync(app, Variables(azure)));
        Assert.Single(azure.Ledger.Snapshot());
    }

    [Fact]
    public async Task A_console_app_calls_its_tools()
    {
        await using AzureOpenAISimulator azure = await StartAsync(static request => request.Messages[^1].Role == "tool"
            ? $"It is {request.Messages[^1].Text}."
            : ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames.Single(), "{\"city\":\"Bern\"}")));

        Assert.Matches(@"It is ""?21 degrees in Bern""?\.\s*$", await apps.RunAsync("Tools", Variables(azure)));
        Assert.Equal(2, azure.Ledger.Snapshot().Count);
    }

    [Fact]
    public async Task Tokens_are_counted()
    {
        Assert.Equal("13 tokens, which leaves 127987 of 128000", (await apps.RunAsync("Tokens", None)).Trim());
        Assert.EndsWith(" of 128000", (await apps.RunAsync("TokensInShort", None)).Trim(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_server_the_fleet_of_one_goes_on_alone() => Assert.Equal("alone", (await apps.RunAsync("Fleet", None)).Trim());

    [Fact]
    public async Task The_simulator_throttles_and_the_call_goes_on() =>
        Assert.Matches(@"^\[west\] Hello; [01] attempts at east\s*$", await apps.RunAsync("Simulation", None));

    internal static Task<AzureOpenAISimulator> StartAsync(Func<ChatRequest, ChatReply>? answer = null) =>
        AzureOpenAISimulator.StartAsync(
            simulator =>
            {
                simulator.AddResource("contoso-sweden").AddResource("contoso-france");
                if (answer is not null)
                {
                    simulator.Respond(answer);
                }
            },
            Cancellation);

    /// <summary>The variables of the readme, with the simulated resources in place of the real ones.</summary>
    internal static Dictionary<string, string> Variables(AzureOpenAISimulator azure)
    {
        string block = Readme.Blocks("README.md", "bash").Single(static block => block.Contains("AZURE_OPENAI_ROUND_ROBIN_CONNECTION", StringComparison.Ordinal));
        string connection = block[block.IndexOf('[', StringComparison.Ordinal)..(block.LastIndexOf(']') + 1)];
        foreach (SimulatedResource resource in azure.Resources)
        {
            string endpoint = $"\"https://{resource.Name}.openai.azure.com\"";
            int place = connection.IndexOf(endpoint, StringComparison.Ordinal);
            int key = connection.IndexOf("<key>", place, StringComparison.Ordinal);
            connection = connection.Remove(key, "<key>".Length).Insert(key, resource.ApiKey).Replace(endpoint, $"\"{resource.Endpoint}\"", StringComparison.Ordinal);
        }

        return new() { ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true", ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = connection };
    }
}
