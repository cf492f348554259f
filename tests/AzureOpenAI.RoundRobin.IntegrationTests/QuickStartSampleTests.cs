using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The sample QuickStart as a user runs it: with nothing set, and over the endpoints of the variables.</summary>
public sealed class QuickStartSampleTests
{
    private const string Name = "QuickStart";

    // One question and one stream come before the many.
    private const int Before = 2;

    private static readonly Dictionary<string, string> Nothing = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task With_nothing_set_it_loses_no_call_though_one_resource_throttles_and_one_dies()
    {
        await using SampleProcess app = SampleProcess.Start(Name, Nothing, []);

        Assert.Equal(0, await app.EndAsync(Cancellation));
        Assert.Contains("120 answered, 0 lost", app.Output, StringComparison.Ordinal);
        Assert.Contains("contoso-japan", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(12)]
    [InlineData(50, "50")]
    public async Task It_asks_the_endpoints_of_the_variables(int calls, params string[] arguments)
    {
        await using AzureOpenAISimulator azure = await StartAsync();
        await using SampleProcess app = SampleProcess.Start(Name, azure, arguments);

        Assert.Equal(0, await app.EndAsync(Cancellation));
        Assert.Contains($"{calls} answered, 0 lost", app.Output, StringComparison.Ordinal);
        Assert.Equal(Before + calls, azure.Resources.Sum(resource => azure.Ledger.Count(resource.Name).Attempts));
        Assert.DoesNotContain(azure["east"].ApiKey, app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_reads_a_file_of_variables_in_the_working_directory()
    {
        await using AzureOpenAISimulator azure = await StartAsync();
        DirectoryInfo home = Directory.CreateTempSubdirectory();
        try
        {
            IEnumerable<string> lines = SampleProcess.VariablesOf(azure).Select(static variable => $"{variable.Key}='{variable.Value}'");
            await File.WriteAllLinesAsync(Path.Combine(home.FullName, ".env"), lines, Cancellation);
            await using SampleProcess app = SampleProcess.Start(Name, Nothing, ["3"], home.FullName);

            Assert.Equal(0, await app.EndAsync(Cancellation));
            Assert.Equal(Before + 3, azure.Resources.Sum(resource => azure.Ledger.Count(resource.Name).Attempts));
        }
        finally
        {
            home.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_lost_call_is_told_by_the_exit_code()
    {
        await using AzureOpenAISimulator azure = await StartAsync(static options => options.Respond(static request =>
            request.LastUserText.StartsWith("Call 2:", StringComparison.Ordinal) ? "" : "a city"));
        await using SampleProcess app = SampleProcess.Start(Name, azure, ["3"]);

        Assert.Equal(1, await app.EndAsync(Cancellation));
        Assert.Contains("2 answered, 1 lost", app.Output, StringComparison.Ordinal);
        Assert.Contains("Call 2 got a wrong answer", app.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no")]
    [InlineData("0")]
    [InlineData("1", "2")]
    public async Task Arguments_that_it_does_not_know_end_it(params string[] arguments)
    {
        await using SampleProcess app = SampleProcess.Start(Name, Nothing, arguments);

        Assert.Equal(2, await app.EndAsync(Cancellation));
        Assert.Contains("Usage:", app.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Variables_that_are_wrong_end_it_with_every_fault_and_no_key()
    {
        await using SampleProcess app = SampleProcess.Start(
            Name,
            new Dictionary<string, string>
            {
                ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "true",
                ["AZURE_OPENAI_ROUND_ROBIN_CONNECTION"] = """[{"AZURE_OPENAI_ENDPOINT":"https://east.openai.azure.com?x=1","AZURE_OPENAI_API_KEY":"a-key-of-the-east-0123","weight":0}]""",
            },
            []);

        Assert.Equal(2, await app.EndAsync(Cancellation));
        Assert.Contains("has a query", app.Output, StringComparison.Ordinal);
        Assert.Contains("weight", app.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("a-key-of-the-east-0123", app.Output, StringComparison.Ordinal);
    }

    private static Task<AzureOpenAISimulator> StartAsync(Action<SimulatorOptions>? configure = null) => AzureOpenAISimulator.StartAsync(
        options =>
        {
            options.AddResource("east");
            options.AddResource("west");
            configure?.Invoke(options);
        },
        Cancellation);
}
