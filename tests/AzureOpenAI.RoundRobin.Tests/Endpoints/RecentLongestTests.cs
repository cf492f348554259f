using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>The longest of the last 128 answers.</summary>
public class RecentLongestTests
{
    [Fact]
    public void TheLongest_IsForgottenAfter128Others()
    {
        RecentLongest longest = new();
        Assert.Equal(TimeSpan.Zero, longest.Read());
        longest.Add(TimeSpan.FromSeconds(40));
        for (int i = 0; i < 127; i++)
        {
            longest.Add(TimeSpan.FromSeconds(4));
        }

        Assert.Equal(TimeSpan.FromSeconds(40), longest.Read());
        longest.Add(TimeSpan.FromSeconds(4));
        Assert.Equal(TimeSpan.FromSeconds(4), longest.Read());
    }
}
