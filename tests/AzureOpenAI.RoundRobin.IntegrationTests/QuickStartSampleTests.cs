using System.Globalization;
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

    [Theory]
    [InlineData("{0}='{1}'", "it has USE_AZURE_OPENAI_ROUND_ROBIN and AZURE_OPENAI_ROUND_ROBIN_CONNECTION.")]
    [InlineData("export {0}='{1}'", "it has USE_AZURE_OPENAI_ROUND_ROBIN and AZURE_OPENAI_ROUND_ROBIN_CONNECTION.")]
    [InlineData("export\t{0} = {1}", "it has USE_AZURE_OPENAI_ROUND_ROBIN and AZURE_OPENAI_ROUND_ROBIN_CONNECTION.")]
    public async Task It_reads_a_file_of_variables_and_says_so(string line, string said)
    {
        await using AzureOpenAISimulator azure = await StartAsync();

        (int exitCode, string output) = await RunAsync(string.Join('\n', SampleProcess.VariablesOf(azure).Select(variable => string.Format(CultureInfo.InvariantCulture, line, variable.Key, variable.Value))));

        Assert.Equal(0, exitCode);
        Assert.Contains(said, output, StringComparison.Ordinal);
        Assert.DoesNotContain(azure["east"].ApiKey, output, StringComparison.Ordinal);
        Assert.Equal(Before + 3, azure.Resources.Sum(resource => azure.Ledger.Count(resource.Name).Attempts));
    }

    [Theory]
    [InlineData("# AZURE_OPENAI_ENDPOINT=https://east.openai.azure.com\nOTHER=1", 0, "it has neither USE_AZURE_OPENAI_ROUND_ROBIN nor AZURE_OPENAI_ROUND_ROBIN_CONNECTION.", "three simulated resources")]
    [InlineData("export USE_AZURE_OPENAI_ROUND_ROBIN=true", 2, "it has USE_AZURE_OPENAI_ROUND_ROBIN, and not AZURE_OPENAI_ROUND_ROBIN_CONNECTION.", "set AZURE_OPENAI_ROUND_ROBIN_CONNECTION to a JSON array")]
    [InlineData("AZURE_OPENAI_API_KEY=a-key-of-the-east-0123", 2, "it has neither USE_AZURE_OPENAI_ROUND_ROBIN nor AZURE_OPENAI_ROUND_ROBIN_CONNECTION.", "Nothing is simulated, since AZURE_OPENAI_API_KEY is set.")]
    [InlineData("AZURE_OPENAI_ROUNDROBIN_CONNECTION=[]", 2, "it has neither", "Nothing is simulated, since AZURE_OPENAI_ROUNDROBIN_CONNECTION is set.")]
    [InlineData("$env:USE_AZURE_OPENAI_ROUND_ROBIN = 'true'", 2, "has no line for it that can be read", "write each variable as NAME=value")]
    [InlineData("set USE_AZURE_OPENAI_ROUND_ROBIN=true", 2, "has no line for it that can be read", "write each variable as NAME=value")]
    [InlineData("USE_AZURE_OPENAI_ROUND_ROBIN: true", 2, "has no line for it that can be read", "write each variable as NAME=value")]
    [InlineData("AZURE_OPENAI_ROUND_ROBIN_CONNECTION='[", 2, "Missing closing quote", "AZURE_OPENAI_ROUND_ROBIN_CONNECTION")]
    public async Task A_file_that_means_real_endpoints_is_never_answered_by_simulated_ones(string text, int expected, string said, string also)
    {
        (int exitCode, string output) = await RunAsync(text);

        Assert.Equal(expected, exitCode);
        Assert.Contains(said, output, StringComparison.Ordinal);
        Assert.Contains(also, output, StringComparison.Ordinal);
        Assert.Equal(expected == 0, output.Contains("contoso-sweden", StringComparison.Ordinal));
        Assert.DoesNotContain("a-key-of-the-east-0123", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_environment_beats_the_file_and_it_says_so()
    {
        (int exitCode, string output) = await RunAsync("USE_AZURE_OPENAI_ROUND_ROBIN=true", new() { ["USE_AZURE_OPENAI_ROUND_ROBIN"] = "off" });

        Assert.Equal(2, exitCode);
        Assert.Contains("USE_AZURE_OPENAI_ROUND_ROBIN is set otherwise in the environment, and that is used.", output, StringComparison.Ordinal);
        Assert.Contains("The round-robin is off", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_reads_the_file_of_its_own_directory_too()
    {
        (int exitCode, string output) = await RunAsync("USE_AZURE_OPENAI_ROUND_ROBIN=true", place: "samples/QuickStart");

        Assert.Equal(2, exitCode);
        Assert.Contains("it has USE_AZURE_OPENAI_ROUND_ROBIN", output, StringComparison.Ordinal);
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

    /// <summary>Runs the sample with 3 calls, over a file.</summary>
    private static async Task<(int ExitCode, string Output)> RunAsync(string file, Dictionary<string, string>? variables = null, string place = "")
    {
        DirectoryInfo home = Directory.CreateTempSubdirectory();
        try
        {
            string directory = Directory.CreateDirectory(Path.Combine(home.FullName, place)).FullName;
            await File.WriteAllTextAsync(Path.Combine(directory, ".env"), file, Cancellation);
            await using SampleProcess app = SampleProcess.Start(Name, variables ?? Nothing, ["3"], home.FullName);
            return (await app.EndAsync(Cancellation), app.Output);
        }
        finally
        {
            home.Delete(recursive: true);
        }
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
