using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using OpenAI.Responses;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>What the SDK's own options say of a key or a conversation decides where the call goes, as the same in <see cref="ChatOptions"/> does.</summary>
[Trait("Rule", "7")]
public class RawOptionsTests
{
    public static TheoryData<string, EndpointAffinity, bool> Keys => new(
        from form in new[] { "chat patch", "responses", "responses patch" }
        from affinity in new[] { EndpointAffinity.PromptCache, EndpointAffinity.Conversation }
        from streaming in new[] { false, true }
        select (form, affinity, streaming));

    [Theory]
    [MemberData(nameof(Keys))]
    public async Task PromptCacheKey_KeepsCallsTogether(string form, EndpointAffinity affinity, bool streaming)
    {
        using FakePool pool = new(3, options => options.Affinity = affinity);
        ChatMessage answered = new(ChatRole.Assistant, "before");
        List<string> answers = [];

        for (int i = 0; i < 6; i++)
        {
            List<ChatMessage> messages = [new(ChatRole.User, $"question {i}"), .. i == 0 ? Array.Empty<ChatMessage>() : [answered]];
            answers.Add(streaming
                ? (await pool.Client.GetStreamingResponseAsync(messages, Keyed(form), TestContext.Current.CancellationToken).ToChatResponseAsync(TestContext.Current.CancellationToken)).Text
                : (await pool.Client.GetResponseAsync(messages, Keyed(form), TestContext.Current.CancellationToken)).Text);
        }

        Assert.Single(answers.Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task KeyOfAdditionalProperties_Wins(bool streaming)
    {
        using FakePool pool = new(3, static options => options.Affinity = EndpointAffinity.PromptCache);
        HashSet<string> answers = [];

        for (int i = 0; i < 12; i++)
        {
            ChatOptions options = Keyed("responses");
            options.AdditionalProperties = new() { ["prompt_cache_key"] = $"tenant {i}" };
            answers.Add(await pool.AskAsync(streaming, options));
        }

        Assert.Equal(3, answers.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PreviousResponse_GoesBackToItsMaker(bool streaming)
    {
        using FakePool pool = new(2);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, _, _) => Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, client.Name)) { ConversationId = $"resp_{client.Name}" });
            client.OnStream = (_, _, _) => AsyncEnumerable.Repeat(new ChatResponseUpdate(ChatRole.Assistant, client.Name) { ConversationId = $"resp_{client.Name}" }, 1);
        }

        Assert.Equal("ab", await pool.AskAsync(streaming) + await pool.AskAsync(streaming));
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("b", await pool.AskAsync(streaming, new ChatOptions { RawRepresentationFactory = static _ => new CreateResponseOptions { PreviousResponseId = "resp_b" } }));
        }
    }

    [Fact]
    public async Task CallersOptions_AreNotChanged()
    {
        using FakePool pool = new(2, static options => options.Affinity = EndpointAffinity.PromptCache);
        ChatOptions options = Keyed("responses");
        Func<IChatClient, object?> factory = options.RawRepresentationFactory!;

        await pool.AskAsync(options: options);

        Assert.Equal((null, null, factory), (options.AdditionalProperties, options.ConversationId, options.RawRepresentationFactory));
    }

    private static ChatOptions Keyed(string form) => new()
    {
        RawRepresentationFactory = _ =>
        {
            CreateResponseOptions response = new() { PreviousResponseId = null };
            ChatCompletionOptions chat = new();
#pragma warning disable SCME0001 // As a user writes it where the SDK has no property.
            switch (form)
            {
                case "chat patch":
                    chat.Patch.Set("$.prompt_cache_key"u8, "tenant-7");
                    return chat;
                case "responses":
                    response.PromptCacheKey = "tenant-7";
                    return response;
                default:
                    response.Patch.Set("$.prompt_cache_key"u8, "tenant-7");
                    return response;
            }
#pragma warning restore SCME0001
        },
    };
}
