using AzureOpenAI.RoundRobin.Balancing.Affinity;
using CsCheck;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

public class PromptPrefixTests
{
    private static readonly ChatMessage[] Opening = [new(ChatRole.System, "Be brief."), new(ChatRole.User, "Why is the sky blue?")];

    [Fact]
    public void KeyOf_AKnownPrompt_IsTheSameInEveryProcess()
    {
        Assert.Equal(1756226449u, PromptPrefix.KeyOf(Opening, null));
        Assert.Equal(2509393342u, PromptPrefix.KeyOf("tenant-1"));
    }

    [Fact]
    public void KeyOf_LaterTurns_IsThatOfTheFirst() => Gen.Select(Gen.String, Gen.String.Array[0, 6]).Sample((first, turns) =>
    {
        List<ChatMessage> messages = [new(ChatRole.System, "Be brief."), new(ChatRole.User, first)];
        uint key = PromptPrefix.KeyOf(messages, null);
        foreach (string turn in turns)
        {
            messages.AddRange([new(ChatRole.Assistant, turn), new(ChatRole.User, turn), new(ChatRole.System, turn)]);
            Assert.Equal(key, PromptPrefix.KeyOf(messages, null));
        }
    });

    [Fact]
    public void KeyOf_AnyDifferenceInThePrefix_IsAnother()
    {
        ChatOptions Tools(params string[] names) => new() { Tools = [.. names.Select(name => AIFunctionFactory.Create(() => 1, name))] };
        uint[] keys =
        [
            PromptPrefix.KeyOf(Opening, null),
            PromptPrefix.KeyOf(Opening[1..], null),
            PromptPrefix.KeyOf([Opening[0]], null),
            PromptPrefix.KeyOf([new(ChatRole.System, "Be brief"), new(ChatRole.User, ".Why is the sky blue?")], null),
            PromptPrefix.KeyOf([new(ChatRole.User, "Be brief."), Opening[1]], null),
            PromptPrefix.KeyOf(Opening, new() { Instructions = "Be kind." }),
            PromptPrefix.KeyOf(Opening, Tools("a", "b")),
            PromptPrefix.KeyOf(Opening, Tools("b", "a")),
            PromptPrefix.KeyOf([Opening[0], new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])], null),
            PromptPrefix.KeyOf([Opening[0], new(ChatRole.User, [new DataContent(new byte[] { 2 }, "image/png")])], null),
            PromptPrefix.KeyOf([Opening[0], new(ChatRole.User, [new UriContent("https://example.org/1.png", "image/png")])], null),
        ];

        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.DoesNotContain(0u, keys);
    }

    [Fact]
    public void KeyOf_NothingToGoBy_IsNone()
    {
        Assert.Equal(0u, PromptPrefix.KeyOf([], null));
        Assert.Equal(0u, PromptPrefix.KeyOf([new(ChatRole.Assistant, "Hello.")], new ChatOptions { Temperature = 1 }));
    }
}
