using System.Diagnostics;
using System.Reflection;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests;

public sealed class EndpointOptionsTests
{
    private const string Short = "hunter2-hunter2";

    [Theory]
    [InlineData(Given.Key)]
    [InlineData(Short)]
    public void ToString_KeyInAnyPlace_IsNotShown(string key)
    {
        Action<EndpointOptions>[] places =
        [
            _ => { },
            e => e.Name = key,
            e => e.Name = "x " + key,
            e => e.DeploymentName = key,
            e => e.ApiVersion = key,
            e => e.Deployments[key] = key,
            e => e.Endpoint = new Uri(key, UriKind.Relative),
            e => e.Endpoint = new Uri($"https://east.example/openai/deployments/{key}"),
            e => e.Endpoint = new Uri($"https://{key}@east.example/{key}?{key}#{key}"),
        ];
        foreach (Action<EndpointOptions> place in places)
        {
            EndpointOptions endpoint = Given.Endpoint(configure: e => e.ApiKey = key);
            place(endpoint);

            Assert.DoesNotContain(key, endpoint.ToString(), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void ToString_SaysNameHostAndDeployment()
    {
        Assert.Equal("(unnamed): east.openai.azure.com, deployment '(base)'", Given.Endpoint().ToString());
        Assert.Equal("west: east.openai.azure.com, deployment 'm'", Given.Endpoint(configure: e => (e.Name, e.DeploymentName) = ("west", "m")).ToString());
        Assert.Equal("(unnamed): ready-made StubChatClient", new EndpointOptions { ChatClient = new StubChatClient() }.ToString());
        Assert.Equal("east: ready-made FakeEmbeddingGenerator", new EndpointOptions { Name = "east", EmbeddingGenerator = new FakeEmbeddingGenerator() }.ToString());
        Assert.Equal(
            "(unnamed): ready-made StubChatClient and FakeEmbeddingGenerator",
            new EndpointOptions { ChatClient = new StubChatClient(), EmbeddingGenerator = new FakeEmbeddingGenerator() }.ToString());
        Assert.Equal("(unnamed): (no address), deployment '(base)'", new EndpointOptions().ToString());
        Assert.Equal("(not shown): east.openai.azure.com, deployment '(not shown)'", Given.Endpoint(configure: e => (e.Name, e.DeploymentName) = ($"x{Given.Key}", Given.Key)).ToString());
    }

    [Theory]
    [InlineData(typeof(EndpointOptions))]
    [InlineData(typeof(EndpointEntry))]
    [InlineData(typeof(EndpointSettings))]
    public void Debugger_NeverShowsTheKey(Type type)
    {
        Assert.Equal(DebuggerBrowsableState.Never, type.GetProperty("ApiKey")!.GetCustomAttribute<DebuggerBrowsableAttribute>()!.State);
        Assert.Contains(type.GetCustomAttribute<DebuggerDisplayAttribute>()!.Value, new[] { "{ToString(),nq}", "{Name,nq}" });
    }

    [Fact]
    public void ToString_OfTheCheckedForms_IsFreeOfKeys()
    {
        Resolution resolution = ConfigurationResolver.ForPool(Given.Options(Given.Endpoint()));

        Assert.Equal("east", resolution.Settings.Endpoints[0].ToString());
        Assert.Equal("1 endpoints", resolution.Settings.ToString());
        Assert.DoesNotContain(Given.Key, EndpointEntry.FromCode(Given.Endpoint(), 1).ToString(), StringComparison.Ordinal);
        ChosenEntry chosen = new(EndpointEntry.FromCode(Given.Endpoint(), 1), new DeploymentChoice("m", IsEndpoints: true));
        Assert.DoesNotContain(Given.Key, chosen.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AKey_IsReadFromJsonAndNotWrittenToIt()
    {
        EndpointOptions options = System.Text.Json.JsonSerializer.Deserialize<EndpointOptions>($$"""{"Name":"east","ApiKey":"{{Given.Key}}"}""")!;

        Assert.Equal(Given.Key, options.ApiKey);
        Assert.DoesNotContain(Given.Key, System.Text.Json.JsonSerializer.Serialize(new { options, options.Name }), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void AKey_InWhateverClassItIsKept_IsHiddenFromTheDebugger()
    {
        System.Reflection.PropertyInfo[] keys = [.. typeof(EndpointOptions).Assembly.GetTypes()
            .SelectMany(static type => type.GetProperties(System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic))
            .Where(static property => property.Name == nameof(EndpointOptions.ApiKey))];

        Assert.True(keys.Length >= 3);
        Assert.All(keys, static key =>
        {
            Assert.Equal(System.Diagnostics.DebuggerBrowsableState.Never, key.GetCustomAttributes(false).OfType<System.Diagnostics.DebuggerBrowsableAttribute>().SingleOrDefault()?.State);
            // A record prints every property.
            Assert.Null(key.DeclaringType!.GetMethod("<Clone>$"));
        });
    }
}
