using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The sample Agent as a user runs it: with nothing set, and over the endpoints of the variables.</summary>
public sealed partial class AgentSampleTests
{
    private const string Name = "Agent";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_nothing_set_a_second_process_goes_on_with_every_session_though_one_resource_throttles()
    {
        await using SampleProcess app = SampleProcess.Start(Name, new Dictionary<string, string>(), []);

        Assert.Equal(0, await app.EndAsync(Cancellation));
        Assert.All(["Bern and Oslo.", "Rome and Lima.", "Pune and Kyiv."], cities => Assert.Contains(cities, app.Output, StringComparison.Ordinal));
        string[] homes = [.. Home().Matches(app.Output).Select(static match => match.Groups[1].Value)];
        Assert.Equal(3, homes.Distinct().Count());
        Assert.Equal([homes[0], homes[0], homes[2], homes[2], homes[4], homes[4], homes[0], homes[2], homes[4]], homes);
        Assert.Contains($"[{homes[0]}, 2 attempts]", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_asks_the_endpoints_of_the_variables_by_the_Responses_API()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(
            static options => options.AddResource("east").AddResource("west").AddResource("north")
                .Respond(static request => $"question {request.Messages.Count(static message => message.Role == "user")}"),
            Cancellation);
        await using SampleProcess app = SampleProcess.Start(Name, azure, []);

        Assert.Equal(0, await app.EndAsync(Cancellation));
        Assert.Equal(3, Regex.Count(app.Output, "question 3"));
        Assert.All(azure.Ledger.Snapshot(), static entry => Assert.Equal((200, ApiOperation.Responses), (entry.Status, entry.Operation)));
        Assert.Equal([3, 3, 3], azure.Resources.Select(resource => (int)azure.Ledger.Count(resource.Name).Attempts));
        Assert.All(azure.Resources, resource => Assert.DoesNotContain(resource.ApiKey, app.Output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Variables_that_are_wrong_end_it_with_the_fault()
    {
        await using SampleProcess app = SampleProcess.Start(Name, new Dictionary<string, string> { ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true" }, []);

        Assert.Equal(2, await app.EndAsync(Cancellation));
        Assert.Contains("AZURE_OPENAI_ROUND_ROBIN_CONNECTION", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", app.Output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\[([a-z-]+)(?:, \d attempts)?\]")]
    private static partial Regex Home();
}
