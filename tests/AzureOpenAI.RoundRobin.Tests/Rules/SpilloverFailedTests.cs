using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A provisioned deployment had no room, nor had the standard one at the same resource: nothing there has.</summary>
[Trait("Rule", "5.3")]
public class SpilloverFailedTests
{
    [Theory]
    [InlineData(429, false)]
    [InlineData(429, true)]
    [InlineData(500, false)]
    [InlineData(500, true)]
    [InlineData(400, false)]
    [InlineData(400, true)]
    public async Task WholeResource_IsEjected_AndTheCallFailsOver(int status, bool streaming)
    {
        using ServicePool pool = new(["east/provisioned", "east/standard", "west/gpt"]);
        pool.Service.On = request => request.Host == "east" ? FakeService.Refusal(status, ("x-ms-spillover-error", "429")) : null;

        Assert.Equal("west", await pool.AskAsync(streaming));

        Assert.Equal((EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy), (pool.StateOf("east-provisioned"), pool.StateOf("east-standard"), pool.StateOf("west-gpt")));
        Assert.Equal("west", await pool.AskAsync(streaming));
        Assert.Equal(["east", "west", "west"], pool.Service.Requests.Select(request => request.Host));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithoutTheHeader_OnlyTheDeploymentIsEjected(bool streaming)
    {
        using ServicePool pool = new(["east/provisioned", "east/standard"]);
        pool.Service.On = request => request.Deployment == "provisioned" ? FakeService.Refusal(429) : null;

        await pool.AskAsync(streaming);

        Assert.Equal((EndpointState.Unavailable, EndpointState.Healthy), (pool.StateOf("east-provisioned"), pool.StateOf("east-standard")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WholeResource_IsCalledAgainAfterTheHint(bool streaming)
    {
        using ServicePool pool = new(["east/provisioned", "west/gpt"]);
        pool.Service.On = request => request.Host == "east" ? FakeService.Refusal(429, ("x-ms-spillover-error", "429"), ("retry-after-ms", "5000")) : null;
        await pool.AskAsync(streaming);
        pool.Service.On = _ => null;
        pool.Time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.Equal("west", await pool.AskAsync(streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("east", await pool.AskAsync(streaming));
    }
}
