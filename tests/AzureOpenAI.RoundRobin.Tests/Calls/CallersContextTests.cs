using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Calls;

/// <summary>A caller with a thread of its own, as in a desktop app, that blocks it until the answer is there.</summary>
public class CallersContextTests
{
    public static TheoryData<string, bool, bool> Ways => new MatrixTheoryData<string, bool, bool>(["at once", "after a failure", "in the line", "after a pause"], [false, true], [false, true]);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task ACall_NeverNeedsTheThreadOfItsCaller(string way, bool measured, bool streaming)
    {
        using FakeMeters meters = new();
        using FakePool pool = new(way == "after a pause" ? 1 : 2, endpoint: (_, entry) => entry.RequestsPerMinute = way == "in the line" ? 60 : null, meterFactory: meters.Factory);
        using MetricCollector<double>? collector = measured ? meters.Collect<double>("attempt.duration") : null;
        if (way == "in the line")
        {
            await pool.AskManyAsync(2, streaming);
        }

        TaskCompletionSource answer = new();
        int failures = way.StartsWith("after", StringComparison.Ordinal) ? 1 : 0;
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = (_, _, _) => failures-- > 0 ? Task.FromException<ChatResponse>(FakeFailure.Status(500)) : AnswerAsync(answer.Task);
            client.OnStream = (_, _, token) => failures-- > 0 ? FakeChatClient.Failing(FakeFailure.Status(500)) : StreamAsync(answer.Task, token);
        }

        CallersContext context = new();
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(context);
        Task<string> call = pool.AskAsync(streaming);
        SynchronizationContext.SetSynchronizationContext(before);
        for (int i = 0; i < 20 && context.Posts == 0; i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.1));
            await Task.Yield();
        }

        answer.SetResult();

        Assert.Equal("well", context.Posts == 0 ? await call : "posted");
        Assert.Equal(0, context.Posts);
    }

    private static async Task<ChatResponse> AnswerAsync(Task when)
    {
        await when.ConfigureAwait(false);
        return FakeChatClient.Answer("well");
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> StreamAsync(Task when, [EnumeratorCancellation] CancellationToken token)
    {
        await when.ConfigureAwait(false);
        token.ThrowIfCancellationRequested();
        yield return new ChatResponseUpdate(ChatRole.Assistant, "well");
    }

    private sealed class CallersContext : SynchronizationContext
    {
        private int _posts;

        public int Posts => Volatile.Read(ref _posts);

        public override void Post(SendOrPostCallback d, object? state)
        {
            Interlocked.Increment(ref _posts);
            ThreadPool.QueueUserWorkItem(_ => d(state));
        }
    }
}
