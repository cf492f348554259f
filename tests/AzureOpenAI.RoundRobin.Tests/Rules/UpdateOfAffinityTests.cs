using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What becomes of conversations when the configuration changes.</summary>
[Trait("Rule", "2")]
public class UpdateOfAffinityTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Affinity_SwitchedOnAndOff_IsTakenOver(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Update("abc", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] homes = await AskEachAsync(pool, streaming);
        // By shares, not by chance.
        Assert.NotNull(pool.Pool.DefaultPicker.Homes);
        Assert.All(homes.CountBy(static home => home), static share => Assert.InRange(share.Value, 1, 22));
        Assert.Equal(homes, await AskEachAsync(pool, streaming));

        pool.Update("abc");

        Assert.Null(pool.Pool.DefaultPicker.Homes);
        Assert.Equal(["a", "b", "c"], (await AskEachAsync(pool, streaming))[..3].Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversations_EndpointStays_StayThere(bool streaming)
    {
        using FakePool pool = new(4, options => options.Affinity = EndpointAffinity.PromptCache);
        pool.Update("abc", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] before = await AskEachAsync(pool, streaming);

        pool.Update("abcd", options => options.Affinity = EndpointAffinity.PromptCache);
        Assert.Equal(before, await AskEachAsync(pool, streaming));

        pool.Update("bcd", options => options.Affinity = EndpointAffinity.PromptCache);
        string[] after = await AskEachAsync(pool, streaming);
        Assert.Equal(before.Where(home => home != "a"), after.Where((_, i) => before[i] != "a"));
        Assert.Equal(3, after.Distinct().Count());

        pool.Update("bcd");
        Assert.Equal(["b", "c", "d"], (await AskEachAsync(pool, streaming))[..3].Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversation_OwnerLeft_IsUnknown(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].OnCall = (_, _, _) =>
        {
            ChatResponse answer = FakeChatClient.Answer("a");
            answer.ConversationId = "kept";
            return Task.FromResult(answer);
        };
        await pool.AskAsync();
        Assert.Equal("a", await pool.AskAsync(options: new() { ConversationId = "kept" }));

        pool.Update("bc");

        Assert.Equal("b", await pool.AskAsync(streaming, new() { ConversationId = "kept" }));
        pool.Update("b");
        Assert.Equal("b", await pool.AskAsync(streaming, new() { ConversationId = "kept" }));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversation_OneClientAloneForATime_IsKept(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, _, _) =>
            {
                ChatResponse answer = FakeChatClient.Answer(client.Name);
                answer.ConversationId = $"of {client.Name} {client.Calls}";
                return Task.FromResult(answer);
            };
        }

        Assert.Equal("abc", await pool.AskManyAsync(3));
        pool.Update("a");
        await pool.AskAsync();
        pool.Update("abc");

        foreach (string id in (string[])["of a 1", "of a 2", "of b 1", "of c 1"])
        {
            Assert.Equal(id[3..4], await pool.AskAsync(streaming, new() { ConversationId = id }));
            Assert.Equal(id[3..4], await pool.AskAsync(streaming, new() { ConversationId = id }));
        }
    }

    [Fact]
    public async Task StreamFromBeforeAffinityWasSwitchedOff_IsAnswered()
    {
        using FakePool pool = new(2, options => options.Affinity = EndpointAffinity.PromptCache);
        IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        pool.Update("ab");

        Assert.NotEmpty((await stream.ToChatResponseAsync(TestContext.Current.CancellationToken)).Text);
    }

    private static async Task<string[]> AskEachAsync(FakePool pool, bool streaming)
    {
        string[] answers = new string[60];
        for (int i = 0; i < answers.Length; i++)
        {
            answers[i] = await pool.AskAsync(streaming, prompt: $"conversation {i}");
        }

        return answers;
    }
}
