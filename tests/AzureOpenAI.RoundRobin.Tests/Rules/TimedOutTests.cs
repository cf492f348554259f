using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Attempts that run out of time.</summary>
public class TimedOutTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_ToTheAnswerOrTheFirstUpdate_MovesTheCallOnce(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, pool.Clients[0].Running);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("b", await call);
        Assert.True(pool.Clients[0].Held[0].Token.IsCancellationRequested);
        Assert.Equal([1, 1, 0], pool.Calls);
        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_Twice_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);
        pool.Time.Advance(Limit);

        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Contains("'b'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AttemptTimeout", failure.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<OperationCanceledException>(failure.InnerException);
        Assert.Equal([1, 1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_OfTheOnlyAttempt_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(1, options => (options.AttemptTimeout, options.MaxWait) = (Limit, TimeSpan.Zero));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);

        TimeoutException failure = await Assert.ThrowsAsync<TimeoutException>(() => call);
        Assert.Contains("'a'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("10 s", failure.Message, StringComparison.Ordinal);
        Assert.IsAssignableFrom<OperationCanceledException>(failure.InnerException);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACancellationThatNobodyAskedFor_MayFailOver(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = new OperationCanceledException();

        Assert.Equal("b", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACancellationThatNobodyAskedFor_Twice_IsATimeoutException(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = new OperationCanceledException();
        pool.Clients[1].Fails = new TaskCanceledException();

        await Assert.ThrowsAsync<TimeoutException>(() => pool.AskAsync(streaming));
        Assert.Equal([1, 1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ATimeoutThatTheServiceStates_Twice_SurfacesWithItsStatus(bool streaming)
    {
        using FakePool pool = new(3);
        Array.ForEach(pool.Clients, client => client.Fails = FakeFailure.Status(408));

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(408, failure.Status);
        Assert.Equal([1, 1, 0], pool.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ATimeoutOfATransportThatIsNotThePools_IsNotBelievedToBeOneOnConnecting(bool streaming)
    {
        using FakePool readyMade = new(2);
        readyMade.Clients[0].Fails = new TaskCanceledException("timed out", new TimeoutException());
        Assert.Equal("b", await readyMade.AskAsync(streaming));
        Assert.Equal(EndpointState.Healthy, readyMade.StateOf(0));

        using ServicePool given = new(["one", "two"]);
        given.Service.On = static request => request.Host == "one" ? throw new TaskCanceledException("timed out", new TimeoutException()) : null;
        Assert.Equal("two", await given.AskAsync(streaming));
        Assert.Equal(EndpointState.Healthy, given.StateOf("one"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_ThenAnotherFailure_GoesOn(bool streaming)
    {
        using FakePool pool = new(3, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        pool.Clients[1].Fails = FakeFailure.Status(429);
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(Limit);

        Assert.Equal("c", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_WithASuccessBetween_NeverTakesTheEndpointOut(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Limit);
        for (int i = 0; i < 3; i++)
        {
            pool.Clients[0].Hold();
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(Limit);
            Assert.Equal("b", await call);
            pool.Clients[0].Fails = null;
            Assert.Equal("ab", await pool.AskManyAsync(2, streaming));
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AttemptTimeout_Infinite_NeverEndsAnAttempt(bool streaming)
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Timeout.InfiniteTimeSpan);
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming);

        pool.Time.Advance(TimeSpan.FromDays(1));
        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await call);
    }

    [Fact]
    public async Task AttemptTimeout_BetweenUpdates_CutsTheStream()
    {
        using FakePool pool = new(2, options => options.AttemptTimeout = Limit);
        TaskCompletionSource never = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(never.Task, token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await updates.MoveNextAsync());
        pool.Time.Advance(3 * Limit);

        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
        Assert.False(move.IsCompleted);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));

        ChatStreamInterruptedException cut = await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () => await move);
        Assert.Equal("a", cut.EndpointName);
        Assert.IsAssignableFrom<OperationCanceledException>(cut.InnerException);
        await updates.DisposeAsync();
        Assert.Equal(2, pool.OutFor(0));
        Assert.Equal(0, pool.Clients[1].Calls);
    }

    [Fact]
    public async Task AttemptTimeout_WhileTheConsumerIsBusy_DoesNotRun()
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        TaskCompletionSource gate = new();
        pool.Clients[0].OnStream = (_, _, token) => Pausing(gate.Task, token);
        await using IAsyncEnumerator<ChatResponseUpdate> updates = pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken)
            .GetAsyncEnumerator(TestContext.Current.CancellationToken);

        string text = "";
        pool.Time.Advance(2 * Limit);
        Assert.True(await updates.MoveNextAsync());
        text += updates.Current.Text;
        pool.Time.Advance(2 * Limit);
        ValueTask<bool> move = updates.MoveNextAsync();
        pool.Time.Advance(Limit / 2);
        gate.SetResult();
        Assert.True(await move);
        text += updates.Current.Text;
        pool.Time.Advance(2 * Limit);
        Assert.False(await updates.MoveNextAsync());

        Assert.Equal("onetwo", text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task AttemptTimeout_WhileUpdatesTrickle_IsCountedFromTheLast(int updates)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        TaskCompletionSource[] gates = [.. Enumerable.Range(0, updates).Select(_ => new TaskCompletionSource())];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "x", token);
        Task<string> call = pool.AskAsync(streaming: true);

        foreach (TaskCompletionSource gate in gates)
        {
            pool.Time.Advance(Limit - TimeSpan.FromMilliseconds(1));
            gate.SetResult();
        }

        Assert.Equal(new string('x', updates), await call);
    }

    [Fact]
    public async Task FirstContentTimeout_WhileOnlyEmptyUpdatesCome_MovesTheCall()
    {
        using FakePool pool = new(2, options => options.FirstContentTimeout = TimeSpan.FromSeconds(2));
        TaskCompletionSource[] gates = [new(), new(), new()];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "", token);
        Task<string> call = pool.AskAsync(streaming: true);

        pool.Time.Advance(TimeSpan.FromSeconds(1));
        gates[0].SetResult();
        pool.Time.Advance(TimeSpan.FromSeconds(0.999));
        Assert.False(call.IsCompleted);
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));

        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(-0.001)]
    public async Task FirstContentTimeout_AfterContent_DoesNotRun(double attemptTimeout)
    {
        using FakePool pool = new(2, options =>
        {
            // The second is infinite: then nothing is awaited with an end once the content has come.
            options.AttemptTimeout = TimeSpan.FromSeconds(attemptTimeout);
            options.FirstContentTimeout = TimeSpan.FromSeconds(2);
        });
        TaskCompletionSource[] gates = [new(), new()];
        pool.Clients[0].OnStream = (_, _, token) => Trickling(gates, "x", token);
        Task<string> call = pool.AskAsync(streaming: true);

        gates[0].SetResult();
        pool.Time.Advance(TimeSpan.FromSeconds(60));
        gates[1].SetResult();

        Assert.Equal("xx", await call);
    }

    [Fact]
    public async Task FirstContentTimeout_OfACall_DoesNotRun()
    {
        using FakePool pool = new(2, options => options.FirstContentTimeout = TimeSpan.FromSeconds(2));
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync();

        pool.Time.Advance(TimeSpan.FromSeconds(60));
        pool.Clients[0].Held[0].Answer();

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ADeadline_ThatPassesAfterTheAnswer_ChangesNothing(bool streaming)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        for (int i = 0; i < 50; i++)
        {
            // The object of the attempt is reused, and its timer may still be set for the one before.
            Task<string> call = pool.AskAsync(streaming);
            pool.Time.Advance(0.7 * Limit);
            Assert.False(pool.Clients[0].Held[^1].Token.IsCancellationRequested);
            pool.Clients[0].Held[^1].Answer();
            Assert.Equal("a", await call);
        }

        Assert.Equal(0, pool.StatusOf(0).Failed);
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Pausing(
        Task gate, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        yield return new ChatResponseUpdate(ChatRole.Assistant, "one");
        await gate.WaitAsync(token);
        yield return new ChatResponseUpdate(ChatRole.Assistant, "two");
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Trickling(
        TaskCompletionSource[] gates, string text, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token)
    {
        foreach (TaskCompletionSource gate in gates)
        {
            await gate.Task.WaitAsync(token);
            yield return new ChatResponseUpdate(ChatRole.Assistant, text);
        }
    }
}
