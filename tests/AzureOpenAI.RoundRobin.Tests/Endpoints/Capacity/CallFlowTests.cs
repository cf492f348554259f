using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public sealed class CallFlowTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);

    [Theory]
    [InlineData(0.01, 9, 10)]
    [InlineData(0.001, 90, 100)]
    [InlineData(0, 90, 100)]
    [InlineData(0.15, 0, 0)]
    [InlineData(0.5, 0, 0)]
    [InlineData(60, 0, 0)]
    public void AsManyAsCameOfLate(double apart, int least, int most)
    {
        CallFlow flow = new(_time);
        for (int i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(apart));
            flow.Took(100, _time.GetTimestamp());
        }

        Assert.InRange(flow.SoonToCome, least, most);
        Assert.Equal(100, flow.Tokens);
    }

    [Fact]
    public void CallsWithoutAnEstimate_ChangeNoTokens()
    {
        CallFlow flow = new(_time);
        Assert.Equal((0, 0), (flow.SoonToCome, flow.Tokens));
        flow.Took(100, _time.GetTimestamp());
        flow.Took(0, _time.GetTimestamp());
        flow.Took(200, _time.GetTimestamp());

        Assert.Equal(120, flow.Tokens);
    }
}
