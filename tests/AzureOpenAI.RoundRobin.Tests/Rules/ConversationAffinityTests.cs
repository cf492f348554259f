using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>First turns of conversations rotate exactly evenly; later turns go where the first was answered.</summary>
[Trait("Rule", "7")]
public sealed class ConversationAffinityTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstTurns_AreExactlyEven_AndLaterOnesFollowThem(bool streaming)
    {
        using FakePool pool = Pool(3);
        List<ChatMessage>[] conversations = [.. Enumerable.Range(0, 30).Select(Begin)];

        string first = await TurnsAsync(pool, conversations, streaming);
        string second = await TurnsAsync(pool, [.. conversations.Reverse()], streaming);

        Assert.Equal(string.Concat(Enumerable.Repeat("abc", 10)), first);
        Assert.Equal(string.Concat(first.Reverse()), second);
        Assert.Equal("abc", await TurnsAsync(pool, [.. Enumerable.Range(30, 3).Select(Begin)], streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FirstTurn_ThatFailsOver_MakesTheOneThatAnsweredTheHome(bool streaming)
    {
        using FakePool pool = Pool(3);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        List<ChatMessage>[] one = [Begin(0)];

        string first = await TurnsAsync(pool, one, streaming);
        pool.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("b", first);
        Assert.Equal("bb", await TurnsAsync(pool, one, streaming) + await TurnsAsync(pool, one, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task HomeUnavailable_TheTurnGoesOn_AndComesBackLater(bool streaming)
    {
        using FakePool pool = Pool(3);
        List<ChatMessage>[] one = [Begin(0)];
        Assert.Equal("a", await TurnsAsync(pool, one, streaming));
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));

        Assert.Equal("bc", await TurnsAsync(pool, one, streaming) + await TurnsAsync(pool, one, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("a", await TurnsAsync(pool, one, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Configuration_ThatKeepsTheHome_KeepsItsConversations_AndOneThatDoesNotMovesThem(bool streaming)
    {
        using FakePool pool = Pool(3);
        List<ChatMessage>[] all = [.. Enumerable.Range(0, 3).Select(Begin)];
        Assert.Equal("abc", await TurnsAsync(pool, all, streaming));

        pool.Update("cb", options => options.Affinity = EndpointAffinity.Conversation);
        string after = await TurnsAsync(pool, all, streaming);

        Assert.Equal("bc", after[1..]);
        Assert.Equal(after, await TurnsAsync(pool, all, streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LaterTurnOfAnUnknownConversation_TakesItsTurn_AndStaysThere(bool streaming)
    {
        using FakePool pool = Pool(3);
        List<ChatMessage> resumed = [.. Begin(0), new(ChatRole.Assistant, "answer"), new(ChatRole.User, "more")];
        Assert.Equal("ab", await TurnsAsync(pool, [Begin(1), Begin(2)], streaming));

        Assert.Equal("ccc", await TurnsAsync(pool, [resumed], streaming) + await TurnsAsync(pool, [resumed], streaming) + await TurnsAsync(pool, [resumed], streaming));
    }

    [Fact]
    public async Task Key_OfTheCaller_IsTheConversation()
    {
        using FakePool pool = Pool(3, options => options.AffinityKey = static (_, options) => options?.AdditionalProperties?["user"] as string);
        ChatOptions options = new() { AdditionalProperties = new() { ["user"] = "ann" } };
        List<ChatMessage> messages = Begin(0);
        Assert.Equal("a", (await pool.Client.GetResponseAsync(messages, options, Token)).Text);
        messages = [new(ChatRole.User, "another beginning"), new(ChatRole.Assistant, "answer"), new(ChatRole.User, "more")];

        Assert.Equal("a", (await pool.Client.GetResponseAsync(messages, options, Token)).Text);
        Assert.Equal("b", (await pool.Client.GetResponseAsync(messages, cancellationToken: Token)).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WorsePriority_IsHomeOnlyWhileNoBetterOneIsThere(bool streaming)
    {
        using FakePool pool = Pool(2, endpoint: (i, endpoint) => endpoint.Priority = i);
        List<ChatMessage>[] one = [Begin(0)];
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        Assert.Equal("b", await TurnsAsync(pool, one, streaming));

        pool.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("a", await TurnsAsync(pool, one, streaming));
    }

    private static FakePool Pool(int count, Action<RoundRobinOptions>? configure = null, Action<int, EndpointOptions>? endpoint = null) => new(
        count,
        options =>
        {
            options.Affinity = EndpointAffinity.Conversation;
            configure?.Invoke(options);
        },
        endpoint);

    private static List<ChatMessage> Begin(int number) => [new(ChatRole.System, "You are brief."), new(ChatRole.User, $"question {number}")];

    /// <summary>Each conversation takes its next turn; returns who answered.</summary>
    private static async Task<string> TurnsAsync(FakePool pool, IEnumerable<List<ChatMessage>> conversations, bool streaming)
    {
        string answers = "";
        foreach (List<ChatMessage> messages in conversations)
        {
            string answer = streaming
                ? (await pool.Client.GetStreamingResponseAsync(messages, cancellationToken: Token).ToChatResponseAsync(Token)).Text
                : (await pool.Client.GetResponseAsync(messages, cancellationToken: Token)).Text;
            messages.AddRange([new(ChatRole.Assistant, answer), new(ChatRole.User, "and then?")]);
            answers += answer;
        }

        return answers;
    }
}
