using AzureOpenAI.RoundRobin.Configuration;

namespace AzureOpenAI.RoundRobin.Tests.Configuration;

public sealed class RegistrationTests
{
    [Fact]
    public void Name_OfEach_IsAnother()
    {
        Registration[] all =
        [
            Registration.Chat, Registration.Keyed("a"), Registration.Keyed("b"), Registration.Embeddings, Registration.KeyedEmbeddings("a"), Registration.KeyedEmbeddings("b"),
        ];

        Assert.Equal(all.Length, all.Select(registration => registration.Name).Distinct().Count());
        Assert.Equal("", Registration.Chat.Name);
        Assert.Equal("a", Registration.Keyed("a").Name);
    }
}
