using System.Collections;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Chat;

/// <summary>What is sent: the configured defaults, the messages; and that the caller's own objects stay as they are.</summary>
public class ChatRequestTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Defaults_WhereTheCallerGivesNone_AreSent(bool streaming)
    {
        using ServicePool pool = new(["one/gpt", "two/gpt"], (i, entry) => entry.Temperature = i == 0 ? 0.5f : null, options =>
        {
            options.Temperature = 0.25f;
            options.MaxOutputTokens = 77;
        });

        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming);
        await pool.AskAsync(streaming, new() { Temperature = 1, MaxOutputTokens = 5 });

        Assert.Equal([0.5f, 0.25f, 1], pool.Service.Requests.Select(request => (float)request.Body["temperature"]!));
        Assert.Equal([77, 77, 5], pool.Service.Requests.Select(request => (int)(request.Body["max_completion_tokens"] ?? request.Body["max_tokens"])!));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Options_OfTheCaller_AreNeverChanged(bool streaming)
    {
        using FakePool pool = new(2, options => (options.Temperature, options.MaxOutputTokens) = (0.5f, 100), (i, entry) => entry.Deployments["model"] = $"deployment-{i}");
        ChatOptions options = new() { ModelId = "model", TopP = 0.5f, Tools = [AIFunctionFactory.Create(() => 1, "tool")] };
        List<ChatOptions?> seen = [];
        pool.Clients[0].OnCall = (_, given, _) =>
        {
            seen.Add(given);
            given!.TopP = 0.9f;
            return Task.FromException<ChatResponse>(FakeFailure.Status(429));
        };
        pool.Clients[0].OnStream = (_, given, _) =>
        {
            seen.Add(given);
            given!.TopP = 0.9f;
            return FakeChatClient.Failing(FakeFailure.Status(429));
        };
        pool.Clients[1].OnCall = (_, given, _) =>
        {
            seen.Add(given);
            return Task.FromResult(FakeChatClient.Answer("b"));
        };
        pool.Clients[1].OnStream = (_, given, token) =>
        {
            seen.Add(given);
            return FakeChatClient.Updates(token, "b");
        };

        Assert.Equal("b", await pool.AskAsync(streaming, options));

        Assert.Equal(("model", null, null, 0.5f), (options.ModelId, options.Temperature, options.MaxOutputTokens, options.TopP));
        Assert.Equal(2, seen.Count);
        Assert.DoesNotContain(options, seen);
        Assert.Equal(("deployment-0", 0.5f, 100), (seen[0]!.ModelId, seen[0]!.Temperature, seen[0]!.MaxOutputTokens));
        Assert.Equal(("deployment-1", 0.5f, 100, 0.5f), (seen[1]!.ModelId, seen[1]!.Temperature, seen[1]!.MaxOutputTokens, seen[1]!.TopP));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Options_WithNothingToAdd_ArePassedOnAsTheyAre(bool streaming)
    {
        using FakePool pool = new(1);
        ChatOptions options = new() { ModelId = "whatever" };
        ChatOptions? seen = null;
        pool.Clients[0].OnCall = (_, given, _) => Task.FromResult(FakeChatClient.Answer((seen = given)!.ModelId!));
        pool.Clients[0].OnStream = (_, given, token) => FakeChatClient.Updates(token, (seen = given)!.ModelId!);

        await pool.AskAsync(streaming, options);

        Assert.Same(options, seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_ReadableOnlyOnce_AreReadOnceAndReachEveryAttempt(bool streaming)
    {
        using FakePool pool = new(3);
        List<string> read = [];
        for (int i = 0; i < 3; i++)
        {
            Exception? failure = i < 2 ? FakeFailure.Status(429) : null;
            pool.Clients[i].OnCall = (messages, _, _) =>
            {
                read.Add(string.Concat(messages.Concat(messages).Select(message => message.Text)));
                return failure is null ? Task.FromResult(FakeChatClient.Answer("x")) : Task.FromException<ChatResponse>(failure);
            };
            pool.Clients[i].OnStream = (messages, _, token) =>
            {
                read.Add(string.Concat(messages.Concat(messages).Select(message => message.Text)));
                return failure is null ? FakeChatClient.Updates(token, "x") : FakeChatClient.Failing(failure);
            };
        }

        OneShot messages = new(new(ChatRole.System, "s"), new(ChatRole.User, "u"));
        CancellationToken token = TestContext.Current.CancellationToken;
        if (streaming)
        {
            IAsyncEnumerable<ChatResponseUpdate> stream = pool.Client.GetStreamingResponseAsync(messages, cancellationToken: token);
            await stream.ToListAsync(token);
            await stream.ToListAsync(token);
        }
        else
        {
            await pool.Client.GetResponseAsync(messages, cancellationToken: token);
        }

        Assert.Equal(1, messages.Reads);
        Assert.InRange(read.Count, 2, 4);
        Assert.All(read, text => Assert.Equal("susu", text));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Messages_InAList_ArePassedOnAsTheyAre(bool streaming)
    {
        using FakePool pool = new(1);
        List<ChatMessage> messages = [new(ChatRole.User, "u")];
        IEnumerable<ChatMessage>? seen = null;
        pool.Clients[0].OnCall = (given, _, _) =>
        {
            seen = given;
            return Task.FromResult(FakeChatClient.Answer("x"));
        };
        pool.Clients[0].OnStream = (given, _, token) =>
        {
            seen = given;
            return FakeChatClient.Updates(token, "x");
        };

        if (streaming)
        {
            await pool.Client.GetStreamingResponseAsync(messages, cancellationToken: TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        }
        else
        {
            await pool.Client.GetResponseAsync(messages, cancellationToken: TestContext.Current.CancellationToken);
        }

        Assert.Same(messages, seen);
        Assert.Single(messages);
    }

    [Fact]
    public void Messages_Null_Throw()
    {
        using FakePool pool = new(1);

        Assert.Throws<ArgumentNullException>(() => { _ = pool.Client.GetResponseAsync(null!, cancellationToken: TestContext.Current.CancellationToken); });
        Assert.Throws<ArgumentNullException>(() => { _ = pool.Client.GetStreamingResponseAsync(null!, cancellationToken: TestContext.Current.CancellationToken); });
    }

    private sealed class OneShot(params ChatMessage[] messages) : IEnumerable<ChatMessage>
    {
        public int Reads { get; private set; }

        public IEnumerator<ChatMessage> GetEnumerator() =>
            ++Reads == 1 ? messages.AsEnumerable().GetEnumerator() : throw new InvalidOperationException("It was read a second time.");

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
