using AzureOpenAI.RoundRobin.Tests.Configuration;

namespace AzureOpenAI.RoundRobin.Tests;

public sealed class RoundRobinOptionsTests
{
    [Fact]
    public void ToString_SaysCountAndDeployment()
    {
        Assert.Equal("0 endpoints, deployment '(each endpoint's own)'", new RoundRobinOptions().ToString());
        Assert.Equal("1 endpoints, deployment 'gpt-4o'", Given.Options(Given.Endpoint()).ToString());
    }

    [Fact]
    public void ToString_KeyInAnyPlace_IsNotShown()
    {
        RoundRobinOptions options = Given.Options(Given.Endpoint(configure: e => e.Name = Given.Key));
        (options.DeploymentName, options.ApiVersion, options.HttpClientName) = (Given.Key, Given.Key, Given.Key);

        Assert.Equal("1 endpoints, deployment '(not shown)'", options.ToString());
    }

    [Fact]
    public void Take_OfTwoThatFail_KeepsTheFirst()
    {
        RoundRobinOptions options = new();

        options.Take(static _ => throw new NotSupportedException("first"));
        options.Take(static _ => throw new NotSupportedException("second"));

        Assert.Equal("first", options.Failure!.SourceException.Message);
    }
}
