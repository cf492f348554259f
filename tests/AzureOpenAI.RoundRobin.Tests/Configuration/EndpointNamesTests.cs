using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class EndpointNamesTests
{
    [Fact]
    public void Choose_RepeatedHosts_AreNumbered()
    {
        Assert.Equal(["apim", "apim-2", "east", "apim-3"], Names(
            Given.Endpoint("https://apim.example/a"), Given.Endpoint("https://APIM.example/b"),
            Given.Endpoint("https://east.example"), Given.Endpoint("https://apim.example/c")));
    }

    [Fact]
    public void Choose_ExplicitNames_AreNeverTaken()
    {
        Assert.Equal(["east-3", "EAST", "east-2", "east-4"], Names(
            Given.Endpoint("https://east.example/a"), Given.Endpoint("https://b.example", e => e.Name = "EAST"),
            Given.Endpoint("https://c.example", e => e.Name = "east-2"), Given.Endpoint("https://east.example/d")));
    }

    [Fact]
    public void Choose_ADefaultThatLooksLikeANumberedOne_IsKeptApart()
    {
        Assert.Equal(["a-2", "a", "a-3"], Names(
            Given.Endpoint("https://a-2.example"), Given.Endpoint("https://a.example/1"), Given.Endpoint("https://a.example/2")));
    }

    [Fact]
    public void Choose_SameResourceTwoDeployments_AreNumbered()
    {
        Assert.Equal(["east", "east-2"], Names(
            Given.Endpoint(configure: e => e.DeploymentName = "a"), Given.Endpoint(configure: e => e.DeploymentName = "b")));
    }

    [Fact]
    public void Choose_ReadyMadeClients_AreNamedAfterTheirProviderOrPlace()
    {
        IChatClient[] clients =
            [new StubChatClient("https://models.example/v1"), new StubChatClient(), new StubChatClient("https://models.example"), new StubChatClient("relative"), new StubChatClient("urn:no-host")];

        Assert.Equal(["models", "client-2", "models-2", "client-4", "client-5"], ConfigurationResolver.ForClients(clients).Settings.Endpoints.Select(e => e.Name));
    }

    [Fact]
    public void Choose_ReadyMadeGenerators_AreNamedAfterTheirProvider()
    {
        IEmbeddingGenerator<string, Embedding<float>>[] generators = [new FakeEmbeddingGenerator { Provider = new Uri("https://models.example/v1") }, new FakeEmbeddingGenerator { Provider = new Uri("https://others.example") }];

        Assert.Equal(["models", "others"], ConfigurationResolver.ForGenerators(generators).Settings.Endpoints.Select(e => e.Name));
    }

    [Fact]
    public void CheckUnique_SameNameInAnotherCase_IsAFault()
    {
        RoundRobinOptions options = Given.Options(
            Given.Endpoint("https://a.example", e => e.Name = "west"), Given.Endpoint("https://b.example", e => e.Name = " WEST "));

        Assert.Equal("Endpoint 2 ('WEST'): Name is the same as that of endpoint 1; choose another.", Given.Fault(() => ConfigurationResolver.ForPool(options)));
    }

    [Theory]
    [InlineData(Form.Json)]
    [InlineData(Form.Section)]
    public void CheckUnique_InData_UsesTheNameOfTheData(Form form)
    {
        string json = $"[{Given.Entry("\"name\":\"x\"", "https://a.example")},{Given.Entry("\"name\":\"x\"", "https://b.example")}]";

        Assert.Equal("Endpoint 2 ('x'): name is the same as that of endpoint 1; choose another.", Given.Fault(form, json));
    }

    private static IEnumerable<string> Names(params EndpointOptions[] endpoints) =>
        ConfigurationResolver.ForPool(Given.Options(endpoints)).Settings.Endpoints.Select(endpoint => endpoint.Name);
}
