using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public sealed class GrantedShareTests
{
    private const long Period = 1000;

    [Fact]
    public void NothingKnown_IsAll() => Assert.Equal((1, 1), (new GrantedShare().Of, new GrantedShare().After(5, 900, 10, Period).Of));

    [Fact]
    public void IsWhatItWasGrantedOfAll()
    {
        GrantedShare share = new GrantedShare().After(5, 900, 0, Period).After(15, 940, 500, Period);

        Assert.Equal(0.25, share.Of);
        Assert.Equal(0, share.After(15, 960, 1200, Period).After(15, 980, 2300, Period).After(15, 1000, 3400, Period).Of);
    }

    [Fact]
    public void CountedAnew_StaysUntilMoreIsKnown()
    {
        GrantedShare share = new GrantedShare().After(0, 900, 0, Period).After(10, 940, 500, Period);
        Assert.True(share.IsAnew(3));

        share = share.After(11, 3, 600, Period);
        Assert.Equal(0.25, share.Of);
        Assert.Equal(0.5, share.After(12, 5, 700, Period).Of);
    }
}
