using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class ServiceWindowsTests
{
    [Theory]
    [InlineData(0.97, null)]
    [InlineData(0.98, 1.0)]
    [InlineData(1.3, 1.0)]
    [InlineData(1.31, null)]
    [InlineData(9.9, 10.0)]
    [InlineData(13, 10.0)]
    [InlineData(30, null)]
    [InlineData(60, 60.0)]
    [InlineData(78, 60.0)]
    [InlineData(79, null)]
    public void Match_FindsTheWindowThatWasMeasured(double measured, double? window) =>
        Assert.Equal(window, ServiceWindows.Match(TimeSpan.FromSeconds(measured))?.TotalSeconds);

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    [InlineData(1.01, 10)]
    [InlineData(10, 10)]
    [InlineData(11, 60)]
    [InlineData(61, 61)]
    public void AtLeast_IsTheShortestThatFits(double measured, double window) =>
        Assert.Equal(window, ServiceWindows.AtLeast(TimeSpan.FromSeconds(measured)).TotalSeconds);
}
