using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Telemetry;

/// <summary>What is measured of calls, streams and endpoints, and under which names.</summary>
public sealed class InstrumentsTests : IDisposable
{
    private readonly FakeMeters _meters = new();

    public static TheoryData<string, bool> Failures
    {
        get
        {
            TheoryData<string, bool> all = [];
            foreach (string failure in (string[])["429", "401", "404", "500", "refused", "reset", "broken", "unknown"])
            {
                all.Add(failure, false);
                all.Add(failure, true);
            }

            return all;
        }
    }

    public void Dispose() => _meters.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnAttempt_ThatIsAnswered_IsTimedToItsEnd(bool streaming)
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(1, meterFactory: _meters.Factory);
        Takes(pool, TimeSpan.FromSeconds(2));

        await pool.AskAsync(streaming);

        Assert.Equal(["2 endpoint=a gen_ai.operation.name=chat outcome=answered"], FakeMeters.Lines(durations));
        Assert.Equal(["1 outcome=answered"], FakeMeters.Lines(attempts));
        Assert.Equal(("s", "{attempt}"), (durations.Instrument?.Unit, attempts.Instrument?.Unit));
    }

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task AnAttempt_ThatFails_SaysHow_AndTheCallHowManyItTook(string failure, bool streaming)
    {
        (string outcome, string error) = failure switch
        {
            "429" => ("rate_limited", "429"),
            "401" => ("credential_refused", "401"),
            "404" => ("missing_deployment", "404"),
            "500" => ("failed", "500"),
            "refused" => ("unreachable", "connection_error"),
            "reset" => ("failed", "System.Net.Http.HttpRequestException"),
            "broken" => ("broken_answer", "System.Text.Json.JsonException"),
            _ => ("failed", "System.InvalidOperationException"),
        };
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(2, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(Failure(failure));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(
            [$"0 endpoint=a error.type={error} gen_ai.operation.name=chat outcome={outcome}", "0 endpoint=b gen_ai.operation.name=chat outcome=answered"],
            FakeMeters.Lines(durations));
        Assert.Equal(["2 outcome=answered"], FakeMeters.Lines(attempts));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ARequest_ThatIsAtFault_IsNoFailureOfTheCall(bool streaming)
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(2, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(FakeFailure.Status(400));

        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming));

        Assert.Equal(["0 endpoint=a error.type=400 gen_ai.operation.name=chat outcome=invalid_request"], FakeMeters.Lines(durations));
        Assert.Equal(["1 outcome=invalid_request"], FakeMeters.Lines(attempts));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACall_WithoutAnEndpoint_CountsItsAttempts_AndTheNextNone(bool streaming)
    {
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(3, options => options.MaxWait = TimeSpan.Zero, meterFactory: _meters.Factory);
        Array.ForEach(pool.Clients, client => client.Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(9)));

        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));
        await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(streaming));

        Assert.Equal(["3 outcome=failed", "0 outcome=failed"], FakeMeters.Lines(attempts));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACaller_WhoCancels_IsNoError(bool streaming)
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(2, meterFactory: _meters.Factory);
        using CancellationTokenSource caller = new();
        pool.Clients[0].Hold();
        Task<string> call = pool.AskAsync(streaming, token: caller.Token);
        await pool.SettleAsync();

        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pool.AskAsync(streaming, token: caller.Token));

        Assert.Equal(["0 endpoint=a gen_ai.operation.name=chat outcome=cancelled"], FakeMeters.Lines(durations));
        Assert.Equal(["1 outcome=cancelled", "0 outcome=cancelled"], FakeMeters.Lines(attempts));
    }

    [Fact]
    public async Task AStream_ThatItsCallerLeaves_IsAbandoned()
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(1, meterFactory: _meters.Factory);
        pool.Clients[0].OnStream = (_, _, token) => FakeChatClient.Updates(token, "x", "y");

        await foreach (ChatResponseUpdate _ in pool.Client.GetStreamingResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.Empty(durations.GetMeasurementSnapshot());
            break;
        }

        Assert.Equal(["0 endpoint=a gen_ai.operation.name=chat outcome=abandoned"], FakeMeters.Lines(durations));
        Assert.Equal(["1 outcome=abandoned"], FakeMeters.Lines(attempts));
    }

    [Fact]
    public async Task AStream_ThatBreaksOffAfterContent_IsCut()
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using MetricCollector<int> attempts = _meters.Collect<int>("call.attempts");
        using FakePool pool = new(2, meterFactory: _meters.Factory);
        pool.Clients[0].OnStream = (_, _, _) => FakeChatClient.Failing(FakeFailure.Reset(), "x");

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));

        Assert.Equal(["0 endpoint=a error.type=System.Net.Http.HttpRequestException gen_ai.operation.name=chat outcome=cut"], FakeMeters.Lines(durations));
        Assert.Equal(["1 outcome=cut"], FakeMeters.Lines(attempts));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ACooldown_IsCountedOnce(bool streaming)
    {
        using MetricCollector<long> cooldowns = _meters.Collect<long>("cooldowns");
        using FakePool pool = new(3, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        pool.Clients[1].Plays(FakeFailure.Status(500));
        pool.Clients[2].Plays(null, FakeFailure.Refused());

        await pool.AskManyAsync(4, streaming);

        Assert.Equal(["1 endpoint=a reason=rate_limited", "1 endpoint=c reason=unreachable"], FakeMeters.Lines(cooldowns));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AWait_IsTimed_WhetherItEndsWellOrNot(bool streaming)
    {
        using MetricCollector<double> waits = _meters.Collect<double>("wait.duration");
        using FakePool pool = new(1, meterFactory: _meters.Factory);
        using CancellationTokenSource caller = new();
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));

        Task<string> patient = pool.AskAsync(streaming);
        await pool.SettleAsync();
        Task<string> hasty = pool.AskAsync(streaming, token: caller.Token);
        await pool.AdvanceAsync(2);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => hasty);
        await pool.AdvanceAsync(3);
        await patient;

        Assert.Equal(["2", "5"], FakeMeters.Lines(waits));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task APause_BeforeTheOnlyEndpointIsCalledAgain_IsAWait(bool streaming)
    {
        using MetricCollector<double> waits = _meters.Collect<double>("wait.duration");
        using FakePool pool = new(1, meterFactory: _meters.Factory);
        pool.Clients[0].Plays(FakeFailure.Status(500));

        Task<string> call = pool.AskAsync(streaming);
        await pool.SettleAsync(paused: 1);
        await pool.AdvanceAsync(0.5);
        await call;

        Assert.Equal(["0.5"], FakeMeters.Lines(waits));
    }

    [Fact]
    public async Task TheGauges_AreTheSumOfAllPoolsOfAMeter_UntilEachIsDisposed()
    {
        using MetricCollector<int> endpoints = _meters.Collect<int>("endpoints");
        using MetricCollector<int> inFlight = _meters.Collect<int>("in_flight");
        using FakePool one = new(2, meterFactory: _meters.Factory);
        FakePool two = new(3, meterFactory: _meters.Factory);
        two.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(5)));
        await two.AskAsync();
        one.Clients[0].Hold();
        two.Clients[2].Hold();
        Task<string> first = one.AskAsync();
        Task<string> second = two.AskAsync();
        await one.SettleAsync();

        endpoints.RecordObservableInstruments();
        inFlight.RecordObservableInstruments();
        Assert.Equal(["4 state=healthy", "0 state=recovering", "0 state=probing", "1 state=unavailable"], FakeMeters.Lines(endpoints));
        Assert.Equal(["1 endpoint=a", "0 endpoint=b", "1 endpoint=c"], FakeMeters.Lines(inFlight));

        one.Clients[0].Held[0].Answer();
        two.Clients[2].Held[0].Answer();
        await first;
        await second;
        two.Dispose();
        endpoints.Clear();
        endpoints.RecordObservableInstruments();
        Assert.Equal(["2 state=healthy", "0 state=recovering", "0 state=probing", "0 state=unavailable"], FakeMeters.Lines(endpoints));
    }

    [Fact]
    public async Task AnOperation_IsAnAttemptToo()
    {
        using MetricCollector<double> durations = _meters.Collect<double>("attempt.duration");
        using ServicePool pool = new(["one", "two"], meterFactory: _meters.Factory);

        await pool.Pool.InvokeAsync((_, _) => Task.FromResult(1), cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(["0 endpoint=one gen_ai.operation.name=invoke outcome=answered"], FakeMeters.Lines(durations));
    }

    [Fact]
    public async Task WithoutAListener_ASynchronousCall_NeverReadsTheClock()
    {
        CountingTime time = new();
        RoundRobinOptions options = new();
        options.Endpoints.Add(new EndpointOptions { Name = "a", ChatClient = new FakeChatClient("a") });
        using RoundRobinChatClient client = new(new EndpointPool(ConfigurationResolver.ForPool(options), null, time, _meters.Factory));
        int before = time.Looks;

        await client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(before, time.Looks);

        using (MetricCollector<double> durations = _meters.Collect<double>("attempt.duration"))
        {
            await client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
            Assert.Single(durations.GetMeasurementSnapshot());
        }

        Assert.True(time.Looks > before);
        before = time.Looks;
        await client.GetResponseAsync("hi", cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(before, time.Looks);
    }

    private static void Takes(FakePool pool, TimeSpan time)
    {
        FakeChatClient client = pool.Clients[0];
        client.OnCall = (_, _, _) =>
        {
            pool.Time.Advance(time);
            return Task.FromResult(FakeChatClient.Answer("x"));
        };
        client.OnStream = (_, _, _) => Half(pool, time / 2);
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> Half(FakePool pool, TimeSpan time)
    {
        pool.Time.Advance(time);
        yield return new ChatResponseUpdate(ChatRole.Assistant, "x");
        pool.Time.Advance(time);
        await Task.CompletedTask;
    }

    private static Exception Failure(string name) => name switch
    {
        "refused" => FakeFailure.Refused(),
        "reset" => FakeFailure.Reset(),
        "broken" => new System.Text.Json.JsonException("not JSON"),
        "unknown" => new InvalidOperationException("who knows"),
        _ => FakeFailure.Status(int.Parse(name, System.Globalization.CultureInfo.InvariantCulture)),
    };

    private sealed class CountingTime : TimeProvider
    {
        private int _looks;

        public int Looks => Volatile.Read(ref _looks);

        public override long GetTimestamp()
        {
            Interlocked.Increment(ref _looks);
            return base.GetTimestamp();
        }
    }
}
