using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class ChosenEntryTests
{
    [Fact]
    public void Merge_SameResourceAndDeployment_LaterWinsInTheEarlierPlace()
    {
        RoundRobinOptions options = Given.Options(
            Given.Endpoint("https://a.example/x", e => e.Name = "first"),
            Given.Endpoint("https://b.example"),
            Given.Endpoint("https://A.example:443/x/", e => (e.Name, e.ApiKey, e.DeploymentName) = ("again", "another-key", "GPT-4o")));

        Resolution resolution = ConfigurationResolver.ForPool(options);

        Assert.Equal(["again", "b"], resolution.Settings.Endpoints.Select(e => e.Name));
        Assert.Equal("another-key", resolution.Settings.Endpoints[0].ApiKey);
        Assert.Equal("Endpoint 3 ('again') has the same resource and deployment as endpoint 1; the later one is used.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Merge_TheSameListTwice_DoesNotDoubleIt()
    {
        RoundRobinOptions options = new() { DeploymentName = "m" };
        for (int i = 0; i < 2; i++)
        {
            options.Endpoints.Add(Given.Endpoint("https://a.example", e => e.Name = "a"));
            options.Endpoints.Add(Given.Endpoint("https://b.example", e => e.Name = "b"));
        }

        Assert.Equal(["a", "b"], ConfigurationResolver.ForPool(options).Settings.Endpoints.Select(e => e.Name));
    }

    [Theory]
    [InlineData("https://a.example", "https://a.example/openai/v1")]
    [InlineData("https://a.example", "https://a.example:8443")]
    [InlineData("https://a.example/x", "https://a.example/X")]
    [InlineData("http://localhost:1", "https://localhost:1")]
    public void Merge_DifferentAddresses_StayTwo(string first, string second)
    {
        Resolution resolution = ConfigurationResolver.ForPool(Given.Options(Given.Endpoint(first), Given.Endpoint(second)));

        Assert.Equal(2, resolution.Settings.Endpoints.Count);
        Assert.Empty(resolution.Warnings);
    }

    [Fact]
    public void Merge_SameResourceWithAnotherDeployment_StaysTwo()
    {
        string json = $"[{Given.Entry("\"model\":\"a\"")},{Given.Entry("\"model\":\"b\"")}]";

        Assert.Equal(2, Given.Read(Form.Json, json).Settings.Endpoints.Count);
        // A keyed registration that names one deployment for all needs the resource once.
        Assert.Single(Given.Read(Form.Json, json, new RoundRobinOptions { DeploymentName = "c" }, Registration.Keyed("k")).Settings.Endpoints);
    }

    [Fact]
    public void Merge_TheSameReadyMadeClientInTheOptionsTwice_IsOne()
    {
        using StubChatClient client = new();
        RoundRobinOptions options = new();
        for (int i = 0; i < 2; i++)
        {
            options.Endpoints.Add(new EndpointOptions { Name = "ready", ChatClient = client, Weight = i + 1 });
        }

        Resolution resolution = ConfigurationResolver.ForPool(options);

        Assert.Equal(2, Assert.Single(resolution.Settings.Endpoints).Weight);
        Assert.Equal("Endpoint 2 ('ready') is the same ready-made client as endpoint 1; the later one is used.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Merge_TheSameReadyMadeGeneratorInTheOptionsTwice_IsOne()
    {
        using FakeEmbeddingGenerator generator = new();
        using FakeEmbeddingGenerator other = new();
        RoundRobinOptions options = new();
        options.Endpoints.Add(new EndpointOptions { EmbeddingGenerator = generator });
        options.Endpoints.Add(new EndpointOptions { EmbeddingGenerator = other });
        options.Endpoints.Add(new EndpointOptions { EmbeddingGenerator = generator });

        Resolution resolution = ConfigurationResolver.ForPool(options);

        Assert.Equal([generator, other], resolution.Settings.Endpoints.Select(static endpoint => endpoint.EmbeddingGenerator));
        Assert.Equal("Endpoint 3 is the same ready-made generator as endpoint 1; the later one is used.", Assert.Single(resolution.Warnings));
    }

    [Fact]
    public void Merge_ReadyMadeClientsThatDiffer_StayTwo()
    {
        using StubChatClient first = new();
        using StubChatClient second = new();
        RoundRobinOptions options = new();
        options.Endpoints.Add(new EndpointOptions { ChatClient = first, DeploymentName = "small" });
        options.Endpoints.Add(new EndpointOptions { ChatClient = first, DeploymentName = "large" });
        options.Endpoints.Add(new EndpointOptions { ChatClient = second, DeploymentName = "small" });

        Assert.Equal(3, ConfigurationResolver.ForPool(options).Settings.Endpoints.Count);
    }

    [Fact]
    public void Merge_AListOfReadyMadeClients_StaysAsItIs()
    {
        using StubChatClient client = new();

        Assert.Equal(3, ConfigurationResolver.ForClients([client, client, client]).Settings.Endpoints.Count);
    }
}
