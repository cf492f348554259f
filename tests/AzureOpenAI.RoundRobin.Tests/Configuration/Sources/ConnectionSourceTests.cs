using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class ConnectionSourceTests
{
    [Fact]
    public void Load_OfASectionWithoutEnd_GoesAsDeepAsJsonMay()
    {
        string path = string.Join(':', Enumerable.Repeat("x", 1000));
        ConnectionSource source = ConnectionSource.FromSection("ORIGIN", Given.Configuration(($"A:{path}", "text")).GetSection("A"))!;

        int depth = 0;
        for (DataNode node = source.Load(new Findings())!; node.Members is [var member]; node = member.Value)
        {
            depth++;
        }

        Assert.Equal(16, depth);
    }
}
