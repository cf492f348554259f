using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using YamlDotNet.RepresentationModel;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Each block of the page about deploying is read as the tool reads it that it is for, and what its tables say is so.</summary>
public sealed class DeployTests
{
    private const string Page = "docs/deploy.md", Section = "AzureOpenAI";

    private static readonly string[] Names = ["contoso-france", "contoso-sweden"];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void An_env_file_of_a_container_has_each_value_as_it_is()
    {
        string[] lines = Block("ini", "USE_AZURE_OPENAI_ROUND_ROBIN").Split('\n', StringSplitOptions.RemoveEmptyEntries);

        AssertRead(Read(lines.Select(static line => line.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1])), Names);
    }

    [Fact]
    public void A_compose_file_has_the_array_in_a_text_and_the_keys_from_elsewhere()
    {
        YamlNode environment = Yaml("services:")[0]["services"]["shop"]["environment"];

        Dictionary<string, string> variables = Texts(environment);
        variables[Connections.Connection] = variables[Connections.Connection]
            .Replace("${SWEDEN_KEY}", "key-of-sweden", StringComparison.Ordinal).Replace("${FRANCE_KEY}", "key-of-france", StringComparison.Ordinal);
        AssertRead(Read(variables), Names);
    }

    [Fact]
    public void A_secret_of_Kubernetes_has_the_variables_of_the_deployment()
    {
        YamlNode[] documents = Yaml("kind: Secret");
        YamlNode deployment = documents[1]["spec"], pod = deployment["template"];

        AssertRead(Read(Texts(documents[0]["stringData"])), Names);
        Assert.Equal(["Secret", "Deployment"], documents.Select(static document => $"{document["kind"]}"));
        Assert.Equal($"{documents[0]["metadata"]["name"]}", $"{pod["spec"]["containers"][0]["envFrom"][0]["secretRef"]["name"]}");
        Assert.Equal($"{deployment["selector"]["matchLabels"]}", $"{pod["metadata"]["labels"]}");
    }

    [Fact]
    public void Indexed_variables_are_a_section()
    {
        string[] lines = Block("ini", "__0__").Split('\n', StringSplitOptions.RemoveEmptyEntries);

        AssertRead(Read(lines.Select(static line => line.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]), Section), Names);
    }

    [Fact]
    public void App_settings_have_references_that_the_platform_resolves()
    {
        Dictionary<string, string> settings = JsonElement.Parse(Block("json", "slotSetting")).EnumerateArray()
            .ToDictionary(static setting => setting.GetProperty("name").GetString()!, static setting => setting.GetProperty("value").GetString()!);
        Dictionary<string, string> resolved = settings.ToDictionary(
            static pair => pair.Key, static pair => pair.Value.StartsWith('@') ? "key-of-" + pair.Key.Split("__")[2] : pair.Value);

        AssertRead(Read(resolved, Section), ["france", "sweden"]);
        string fault = Assert.Throws<OptionsValidationException>(() => Read(settings, Section)).Message;
        Assert.Contains("is a Key Vault reference that was not resolved", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Local_settings_of_Functions_have_the_array_as_a_text() => AssertRead(Read(TextsOf(JsonElement.Parse(Block("json", "IsEncrypted")).GetProperty("Values"))), Names);

    [Fact]
    public void Launch_settings_leave_the_keys_to_user_secrets()
    {
        Dictionary<string, string> variables = TextsOf(JsonElement.Parse(Block("json", "profiles")).GetProperty("profiles").GetProperty("shop").GetProperty("environmentVariables"));
        Assert.DoesNotContain(variables.Keys, static name => name.EndsWith("Key", StringComparison.Ordinal));
        variables["AzureOpenAI:Endpoints:sweden:ApiKey"] = "key-of-sweden";
        variables["AzureOpenAI:Endpoints:france:ApiKey"] = "key-of-france";

        AssertRead(Read(variables, Section), ["france", "sweden"]);
    }

    [Fact]
    public async Task Commands_are_bash()
    {
        string[] blocks = Readme.Blocks(Page, "bash");
        Assert.SkipUnless(File.Exists("/bin/bash"), "There is no bash.");

        Assert.NotEmpty(blocks);
        foreach (string block in blocks)
        {
            using Process bash = Process.Start(new ProcessStartInfo("/bin/bash", ["-n", "-c", block]))!;
            await bash.WaitForExitAsync(Cancellation);
            Assert.Equal(0, bash.ExitCode);
        }
    }

    [Fact]
    public void Each_block_is_one_that_a_test_reads()
    {
        string[] read = ["ini", "yaml", "json", "bash", "csharp"];

        Assert.Equal(0, Readme.Text(Page).Split("\n```").Where(static (_, i) => i % 2 == 1).Count(block => !read.Contains(block.Split('\n')[0])));
        Assert.Equal((2, 2, 3), (Readme.Blocks(Page, "ini").Length, Readme.Blocks(Page, "yaml").Length, Readme.Blocks(Page, "json").Length));
    }

    [Fact]
    public void Addresses_of_the_portals_are_taken_or_refused_as_the_table_says()
    {
        foreach (string[] row in Readme.Table(Page, "The portal shows"))
        {
            foreach (string address in row[0].Split(' ').Where(static word => word.StartsWith("https://", StringComparison.Ordinal)))
            {
                Dictionary<string, string> variables = new()
                {
                    ["AzureOpenAI__DeploymentName"] = "gpt-4o",
                    ["AzureOpenAI__Endpoints__0__Endpoint"] = address,
                    ["AzureOpenAI__Endpoints__0__ApiKey"] = "key-of-sweden",
                };
                if (row[1].StartsWith("yes", StringComparison.Ordinal))
                {
                    Resolution read = Read(variables, Section);
                    Assert.Empty(read.Warnings);
                    Assert.Equal(row[1].Contains("v1", StringComparison.Ordinal) ? EndpointKind.V1 : EndpointKind.Classic, read.Settings.Endpoints[0].Kind);
                }
                else
                {
                    string fault = Assert.Throws<OptionsValidationException>(() => Read(variables, Section)).Message;
                    Assert.Contains("write https://contoso-sweden.services.ai.azure.com for", fault, StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public async Task A_call_that_runs_has_a_connection_and_the_next_takes_it_over()
    {
        await using Fleet fleet = await Fleet.StartAsync(
            ["east"], static setup => setup.Resource = static resource => resource.Latency = Latency.Constant(TimeSpan.FromMilliseconds(500)));
        await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => fleet.AskAsync(streaming: false)));
        await fleet.AskAsync(streaming: false);

        Assert.Equal(12, fleet["east"].ResetConnections());
    }

    [Fact]
    public async Task A_reasoning_model_gets_nothing_that_it_refuses()
    {
        JsonElement body = default;
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.Simulator = options => options.Respond(request =>
        {
            body = request.Body.Clone();
            return "yes";
        }));

        await fleet.AskAsync(streaming: false, options: new ChatOptions { Reasoning = new() { Effort = ReasoningEffort.Low }, MaxOutputTokens = 500 });

        Assert.Equal(["max_completion_tokens", "messages", "model", "reasoning_effort"], body.EnumerateObject().Select(static field => field.Name).Order());
    }

    [Fact]
    public async Task Spans_are_those_of_the_table_with_the_switch_on_and_off()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"]);
        foreach (string[] row in Readme.Table(Page, "Attribute", "On", "Off").SkipLast(1))
        {
            Assert.Equal(row[1], await SaidAsync(fleet, "true", row[0]));
            Assert.Equal(row[2], await SaidAsync(fleet, "false", row[0]));
        }
    }

    /// <returns>The value of an attribute, in the words of the table.</returns>
    private static async Task<string> SaidAsync(Fleet fleet, string on, string attribute)
    {
        string source = $"deploy-{Guid.NewGuid()}";
        ConcurrentQueue<Activity> ended = new();
        using ActivityListener listener = new()
        {
            ShouldListenTo = said => said.Name == source,
            Sample = static (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        ServiceCollection services = [];
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(Connections.Variables(fleet, on)).Build());
        services.AddAzureOpenAIRoundRobin().UseOpenTelemetry(sourceName: source);
        await using ServiceProvider provider = services.BuildServiceProvider();

        await provider.GetRequiredService<IChatClient>().GetResponseAsync("hello", cancellationToken: Cancellation);

        string? value = Assert.Single(ended).GetTagItem(attribute)?.ToString();
        return value is null ? "none" : value == fleet["east"].Endpoint.Host ? "the host" : value == $"{fleet["east"].Endpoint.Port}" ? "the port" : value;
    }

    private static string Block(string language, string words) =>
        Readme.WithKeys(Assert.Single(Readme.Blocks(Page, language), block => block.Contains(words, StringComparison.Ordinal)));

    private static YamlNode[] Yaml(string words)
    {
        YamlStream stream = [];
        stream.Load(new StringReader(Block("yaml", words)));
        return [.. stream.Documents.Select(static document => document.RootNode)];
    }

    private static Dictionary<string, string> Texts(YamlNode node) =>
        ((YamlMappingNode)node).Children.ToDictionary(static pair => $"{pair.Key}", static pair => ((YamlScalarNode)pair.Value).Value!);

    private static Dictionary<string, string> TextsOf(JsonElement values) =>
        values.EnumerateObject().ToDictionary(static value => value.Name, static value => value.Value.GetString()!);

    /// <summary>As the provider of environment variables reads them.</summary>
    private static Resolution Read(Dictionary<string, string> variables, string? section = null)
    {
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(variables.Select(static pair => KeyValuePair.Create(pair.Key.Replace("__", ":", StringComparison.Ordinal), (string?)pair.Value))).Build();
        ServiceCollection services = [];
        services.AddSingleton(configuration);
        _ = section is null ? services.AddAzureOpenAIRoundRobin() : services.AddAzureOpenAIRoundRobin(configuration.GetSection(section));
        using ServiceProvider provider = services.BuildServiceProvider();
        return provider.GetRequiredKeyedService<Resolution>("");
    }

    private static void AssertRead(Resolution read, string[] names)
    {
        Assert.True(read.IsEnabled);
        Assert.Equal(names, read.Settings.Endpoints.Select(static endpoint => endpoint.Name).Order());
        Assert.Equal(2, read.Settings.Endpoints.Select(static endpoint => endpoint.ApiKey).Distinct().Count());
        Assert.All(read.Settings.Endpoints, static endpoint => Assert.Equal("gpt-4o", endpoint.Deployment));
        Assert.Empty(read.Warnings);
    }
}
