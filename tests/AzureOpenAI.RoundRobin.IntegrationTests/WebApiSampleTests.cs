using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The sample WebApi against simulated resources.</summary>
public sealed class WebApiSampleTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_answers_with_both_models_and_reports_its_health()
    {
        await using AzureOpenAISimulator azure = await AzureOpenAISimulator.StartAsync(simulator =>
        {
            foreach (string name in (string[])["east", "west"])
            {
                simulator.AddResource(name, static resource => resource
                    .AddDeployment("gpt-4o", static deployment => deployment.Respond(static _ => "everyday"))
                    .AddDeployment("gpt-4.1", static deployment => deployment.Respond(static _ => "advanced")));
            }
        }, Cancellation);
        await using SampleProcess app = SampleProcess.Start("WebApi", azure);
        using HttpClient http = new() { BaseAddress = await app.AddressAsync(Cancellation) };

        Assert.Equal("everyday", await http.GetStringAsync("/ask?question=Hello", Cancellation));
        Assert.Equal("everyday", await http.GetStringAsync("/ask?question=Hello", Cancellation));
        Assert.Equal("advanced", await http.GetStringAsync("/think?question=Hello", Cancellation));
        Assert.Equal("Healthy", await http.GetStringAsync("/health", Cancellation));

        Assert.Equal(
            ["east", "west"], azure.Ledger.Snapshot().Where(static entry => entry.Deployment == "gpt-4o").Select(static entry => entry.Resource).Order());
        Assert.All(azure.Resources, resource => Assert.DoesNotContain(resource.ApiKey, app.Output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, "AZURE_OPENAI_ENDPOINT")]
    [InlineData("true", "AZURE_OPENAI_ROUND_ROBIN_CONNECTION")]
    public async Task Without_its_variables_it_names_what_is_missing_and_ends(string? isOn, string missing)
    {
        await using SampleProcess app = SampleProcess.Start("WebApi", isOn is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["USE_AZURE_OPENAI_ROUND_ROBIN"] = isOn });

        Assert.Equal(2, await app.EndAsync(Cancellation));
        Assert.Contains(missing, app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", app.Output, StringComparison.Ordinal);
    }
}
