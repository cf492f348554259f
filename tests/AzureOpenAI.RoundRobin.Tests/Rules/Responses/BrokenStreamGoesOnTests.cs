using System.Runtime.CompilerServices;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules.Responses;

/// <summary><see cref="RoundRobinOptions.ResumeStreams"/>: a background stream that breaks off after content goes on where its job runs, with no text twice and none lost.</summary>
public sealed class BrokenStreamGoesOnTests
{
    private static readonly string[] Words = ["The ", "answer ", "to ", "all ", "is ", "42."];

    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    /// <summary>
    /// How the openings of the stream end, in order: after so many events, by an exception or without one. The first one brings content, those that go on bring something or, not
    /// twice in a row, nothing at all. Those after them are whole.
    /// </summary>
    private static readonly Gen<(int Events, bool Throws)[]> Breaks =
        from first in Gen.Select(Gen.Int[2, Words.Length + 3], Gen.Bool)
        from later in Gen.Select(Gen.Int[0, Words.Length], Gen.Bool).Array[0, 8]
        select (ValueTuple<int, bool>[])[first, .. later.Select((one, i) => one.Item1 > 0 ? one : i > 0 && later[i - 1].Item1 == 0 ? (1, one.Item2) : (0, true))];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void AnyBreaks_AnyNumberOfTimes_TheTextIsWholeAndOnce() => Gen.Select(Breaks, Gen.Bool).Sample((breaks, withCall) =>
    {
        using FakePool pool = new(2, static options => options.ResumeStreams = true);
        Jobs jobs = new(pool, breaks, withCall);

        ChatResponse answer = Read(pool, InBackground);

        Assert.Equal(string.Concat(Words), answer.Text);
        Assert.Equal(withCall ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(withCall ? 1 : 0, answer.Messages.SelectMany(static message => message.Contents).OfType<FunctionCallContent>().Count());
        Assert.Equal(0, jobs.Strangers);
    }, iter: 300);

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task WithoutTheOptionOrTheBackground_TheStreamIsInterrupted(bool resumes, bool inBackground)
    {
        using FakePool pool = new(2, options => options.ResumeStreams = resumes);
        _ = new Jobs(pool, [(4, true)], withCall: false);
        string text = "";

        ChatStreamInterruptedException exception = await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () =>
        {
            await foreach (ChatResponseUpdate update in pool.Client.GetStreamingResponseAsync("hi", inBackground ? InBackground : null, Cancellation))
            {
                text += update.Text;
            }
        });

        Assert.Equal(("a", "The answer to "), (exception.EndpointName, text));
        Assert.Equal([1, 0], pool.Calls);
    }

    [Fact]
    public async Task JobThatFailed_IsNotReadAgain()
    {
        using FakePool pool = new(2, static options => options.ResumeStreams = true);
        pool.Clients[0].OnStream = static (_, _, token) => FakeResponses.Stream(token, WithToken(FakeResponses.Created(), 0), WithToken(FakeResponses.Text("half"), 1), FakeResponses.Failed("server_error"));

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true, InBackground));

        Assert.Equal([1, 0], pool.Calls);
    }

    [Fact]
    public async Task JobThatIsGone_LeavesTheStreamInterrupted()
    {
        using FakePool pool = new(2, static options => options.ResumeStreams = true);
        Jobs jobs = new(pool, [(4, true)], withCall: false);
        jobs.Forget = true;

        ChatStreamInterruptedException exception = await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true, InBackground));

        Assert.Equal("a", exception.EndpointName);
        Assert.Contains("could not be resumed", exception.Message, StringComparison.Ordinal);
        Assert.Equal(404, Assert.IsAssignableFrom<System.ClientModel.ClientResultException>(exception.InnerException).Status);
        Assert.Equal([2, 0], pool.Calls);
    }

    [Fact]
    public async Task CallerThatCancels_GetsItsOwnException()
    {
        using FakePool pool = new(2, static options => options.ResumeStreams = true);
        Jobs jobs = new(pool, [(4, true)], withCall: false);
        using CancellationTokenSource cancellation = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        jobs.Reopened = cancellation.Cancel;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.AskAsync(streaming: true, InBackground, token: cancellation.Token));
    }

    /// <summary>Reads a stream to its end, through pauses of the pool.</summary>
    private static ChatResponse Read(FakePool pool, ChatOptions options)
    {
        Task<ChatResponse> reading = Task.Run(() => pool.Client.GetStreamingResponseAsync("hi", options, Cancellation).ToChatResponseAsync(Cancellation), Cancellation);
        while (!reading.Wait(1, Cancellation))
        {
            pool.Time.Advance(TimeSpan.FromSeconds(1));
        }

#pragma warning disable xUnit1031 // It is complete.
        return reading.GetAwaiter().GetResult();
#pragma warning restore xUnit1031
    }

    private static ChatResponseUpdate WithToken(ChatResponseUpdate update, int number)
    {
        update.ContinuationToken = ResponseContinuationToken.FromBytes(JsonSerializer.SerializeToUtf8Bytes(new { responseId = update.ResponseId, sequenceNumber = number }));
        return update;
    }

    /// <summary>The jobs of two resources, of which each knows its own only.</summary>
    private sealed class Jobs
    {
        private readonly Queue<(int Events, bool Throws)> _breaks;
        private readonly bool _withCall;
        private int _strangers;

        public Jobs(FakePool pool, (int Events, bool Throws)[] breaks, bool withCall)
        {
            (_breaks, _withCall) = (new(breaks), withCall);
            foreach (FakeChatClient client in pool.Clients)
            {
                client.OnStream = (_, options, token) => Stream(client.Name, options, token);
            }
        }

        /// <summary>How often a resource was asked for the job of another one.</summary>
        public int Strangers => _strangers;

        public bool Forget { get; set; }

        public Action Reopened { get; set; } = static () => { };

        private async IAsyncEnumerable<ChatResponseUpdate> Stream(string resource, ChatOptions? options, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            int first = 0;
            if (options?.ContinuationToken is { } token)
            {
                JsonElement said = JsonDocument.Parse(token.ToBytes()).RootElement;
                first = said.GetProperty("sequenceNumber").GetInt32() + 1;
                bool isOwn = said.GetProperty("responseId").GetString() == $"resp_{resource}";
                _strangers += isOwn ? 0 : 1;
                if (!isOwn || Forget)
                {
                    throw FakeFailure.Status(404);
                }

                Reopened();
                cancellationToken.ThrowIfCancellationRequested();
            }

            (int events, bool throws) = _breaks.TryDequeue(out (int, bool) next) ? next : (int.MaxValue, false);
            ChatResponseUpdate[] all = Events(resource);
            for (int i = first; i < all.Length; i++)
            {
                if (i - first == events)
                {
                    if (throws)
                    {
                        throw new IOException("The connection was reset.");
                    }

                    yield break;
                }

                yield return all[i];
            }
        }

        private ChatResponseUpdate[] Events(string resource)
        {
            List<ChatResponseUpdate> all = [FakeResponses.Created(), .. Words.Select(FakeResponses.Text)];
            if (_withCall)
            {
                all.Add(new ChatResponseUpdate(ChatRole.Assistant, [new FunctionCallContent("call_1", "forecast")]) { RawRepresentation = FakeResponses.Text("").RawRepresentation });
            }

            all.Add(FakeResponses.Completed());
            for (int i = 0; i < all.Count; i++)
            {
                (all[i].ResponseId, all[i].ConversationId) = ($"resp_{resource}", $"resp_{resource}");
                // As the adapter: the last one has none, since there is nothing to go on with.
                _ = i == all.Count - 1 ? all[i] : WithToken(all[i], i);
            }

            return [.. all];
        }
    }
}
