using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public class TokenWeightTests
{
    private readonly TokenWeight _weight = new();

    [Fact]
    public void Next_FirstTwentyCalls_WeighOneWhateverTheirTokens()
    {
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(1, _weight.Next(1 + (1000 * i)));
        }

        Assert.NotEqual(1, _weight.Next(1));
    }

    [Theory]
    [InlineData(100, 1)]
    [InlineData(50, 0.5)]
    [InlineData(250, 2.5)]
    // Within bounds, so that no call holds an endpoint for long, and none is free.
    [InlineData(1, 0.02)]
    [InlineData(long.MaxValue, 20)]
    // Its tokens are not known.
    [InlineData(0, 1)]
    public void Next_LaterCalls_WeighBesideTheMeanOfTheFirst(long tokens, double weight)
    {
        Learn(100);

        Assert.Equal(weight, _weight.Next(tokens), 6);
    }

    [Fact]
    public void Mean_SizesChange_Follows()
    {
        Learn(100);
        Assert.Equal(1, _weight.Mean);

        for (int i = 0; i < 500; i++)
        {
            _weight.Next(300);
        }

        Assert.Equal(3, _weight.Mean, 0.01);
    }

    [Fact]
    public void Next_CallsWithoutAnEstimate_AreNotLearnedFrom()
    {
        for (int i = 0; i < 100; i++)
        {
            _weight.Next(0);
        }

        Assert.Equal((1, 1), (_weight.Next(1000), _weight.Mean));
    }

    private void Learn(long tokens)
    {
        for (int i = 0; i < 20; i++)
        {
            _weight.Next(tokens);
        }
    }
}
