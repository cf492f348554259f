using AzureOpenAI.RoundRobin.Tests.Fakes;
using AzureOpenAI.RoundRobin.Tests.Rules;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Telemetry;

/// <summary>What operators are told, and that telling them changes nothing.</summary>
public class PoolLogTests
{
    [Theory]
    [InlineData(429, 1, LogLevel.Information)]
    [InlineData(401, 3, LogLevel.Error)]
    [InlineData(403, 3, LogLevel.Error)]
    [InlineData(404, 4, LogLevel.Error)]
    public async Task Ejection_IsLoggedWithEndpointAndReason(int status, int eventId, LogLevel level)
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Plays(FakeFailure.Status(status));

        await pool.AskManyAsync(4);

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal((eventId, level), (record.Id.Id, record.Level));
        Assert.StartsWith("Endpoint 'a' ", record.Message, StringComparison.Ordinal);
        Assert.Equal("AzureOpenAI.RoundRobin.EndpointPool", record.Category);
    }

    [Fact]
    public async Task EjectionByAnError_IsLoggedWithItsException()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        Exception failure = FakeFailure.Refused();
        pool.Clients[0].Plays(failure);

        await pool.AskAsync();

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal((2, LogLevel.Warning), (record.Id.Id, record.Level));
        Assert.Same(failure, record.Exception);
        Assert.Equal("unreachable", record.GetStructuredStateValue("Reason"));
    }

    [Fact]
    public async Task AReason_IsTheWordOfTheMetrics()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using ServicePool pool = new(["one", "two"], loggerFactory: factory);
        pool.Service.On = request => request.Host == "one" ? FakeService.Answer(request, finish: null) : null;

        for (int i = 0; i < 4; i++)
        {
            await pool.AskAsync();
        }

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal((2, "broken_answer"), (record.Id.Id, record.GetStructuredStateValue("Reason")));
        Assert.Contains("(broken_answer, status ", record.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stall_IsLoggedWhenItIsNoticed()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Hold();

        Task<string>[] calls = StalledPool.AskInTwoHalves(pool, 60, streaming: false);

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.StartsWith("Endpoint 'a' ", record.Message, StringComparison.Ordinal);
        Assert.IsType<TimeoutException>(record.Exception);
        Array.ForEach(pool.Clients[0].Held, held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Fact]
    public async Task EjectionByTheLastAttemptOfACall_IsLoggedBeforeTheCallEnds()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, options => options.MaxAttempts = 1, loggerFactory: factory);
        pool.Clients[0].Plays(FakeFailure.Refused());

        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync());

        Assert.Equal([2], logs.GetSnapshot().Select(record => record.Id.Id));
    }

    [Fact]
    public async Task SuspectRequest_IsLogged()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromHours(20)));

        await pool.AskAsync();

        FakeLogRecord record = Assert.Single(logs.GetSnapshot());
        Assert.Equal(6, record.Id.Id);
        Assert.Contains("'a'", record.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestTooLarge_IsLoggedOnceAMinute(bool streaming)
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromHours(20));

        await pool.AskManyAsync(90, streaming);
        Assert.True(pool.Calls[0] >= 30);
        Assert.Equal([6], logs.GetSnapshot().Select(record => record.Id.Id));

        pool.Time.Advance(TimeSpan.FromMinutes(1));
        await pool.AskManyAsync(30, streaming);
        Assert.Equal([6, 6], logs.GetSnapshot().Select(record => record.Id.Id));
    }

    [Theory]
    [InlineData(401, 3)]
    [InlineData(429, 1)]
    [InlineData(0, 2)]
    public async Task Recovery_IsLoggedOnce(int status, int eventId)
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Plays(status == 0 ? FakeFailure.Refused() : FakeFailure.Status(status));

        await pool.AskManyAsync(2);
        await pool.AdvanceAsync(20);
        await pool.AskManyAsync(60);

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        Assert.Equal([(eventId, "a"), (5, "a")], logs.GetSnapshot().Select(record => (record.Id.Id, record.GetStructuredStateValue("Endpoint")!)));
    }

    [Fact]
    public async Task Recovery_IsLoggedWithTheAnswerThatCompletesIt()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool told = await AfterACooldownAsync(factory);
        using FakePool looked = await AfterACooldownAsync(null);

        int calls = 0;
        for (; looked.StateOf(0) != EndpointState.Healthy; calls++)
        {
            Assert.DoesNotContain(logs.GetSnapshot(), static record => record.Id.Id == 5);
            await looked.AskAsync();
            await told.AskAsync();
        }

        Assert.Contains(logs.GetSnapshot(), static record => record.Id.Id == 5);
        Assert.Equal(4, calls);

        static async Task<FakePool> AfterACooldownAsync(ILoggerFactory? factory)
        {
            FakePool pool = new(2, loggerFactory: factory);
            pool.Clients[0].Plays(FakeFailure.Refused());
            await pool.AskManyAsync(2);
            await pool.AdvanceAsync(20);
            return pool;
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CooldownEndsAsACallBegins_RecoveryIsLoggedWhileItRuns(bool streaming)
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        await pool.AskManyAsync(64, streaming);
        pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromSeconds(3)));
        await pool.AskAsync(streaming);
        pool.Clients[0].Hold();
        pool.Clients[1].Hold();
        pool.Time.Advance(TimeSpan.FromSeconds(3));

        Task<string> call = pool.AskAsync(streaming);

        Assert.Equal([1, 5], logs.GetSnapshot().Select(record => record.Id.Id));
        Array.ForEach([.. pool.Clients.SelectMany(client => client.Held)], held => held.Answer());
        await call;
    }

    [Theory]
    [InlineData(300, LogLevel.Debug)]
    [InlineData(1000, LogLevel.Information)]
    public async Task ManyShortCooldowns_AreLoggedAtDebug(int milliseconds, LogLevel level)
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);

        for (int i = 0; i < 20; i++)
        {
            pool.Clients[0].Plays(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(milliseconds)));
            await pool.AskManyAsync(2);
            await pool.AdvanceAsync(TimeSpan.FromMinutes(6));
        }

        FakeLogRecord[] rests = [.. logs.GetSnapshot().Where(record => record.Id.Id == 1)];
        Assert.True(rests.Length > 5);
        Assert.All(rests, record => Assert.Equal(level, record.Level));
        await pool.AskManyAsync(2);
        Assert.Equal((EndpointState.Healthy, level == LogLevel.Debug ? 0 : rests.Length), (pool.StateOf(0), logs.GetSnapshot().Count(record => record.Id.Id == 5)));
    }

    [Fact]
    public async Task HealthyPool_LogsNothing()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using FakePool pool = new(2, loggerFactory: factory);
        pool.Clients[0].Plays(null, FakeFailure.Status(400), FakeFailure.Status(500));

        await pool.AskManyAsync(2);
        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync());
        await pool.AskManyAsync(10);

        Assert.Empty(logs.GetSnapshot());
    }

    [Fact]
    public async Task KeysAndPrompts_AreInNoLogAndNoException()
    {
        (FakeLogCollector logs, ILoggerFactory factory) = Collect();
        using ServicePool pool = new(["one", "two", "three"], configure: options => options.MaxWait = TimeSpan.Zero, loggerFactory: factory);
        int[] statuses = [401, 404, 429];
        pool.Service.On = request => FakeService.Refusal(statuses[request.Host == "one" ? 0 : request.Host == "two" ? 1 : 2]);

        EndpointsExhaustedException failure = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => pool.AskAsync(prompt: "private words"));

        string all = string.Join('\n', [failure.ToString(), .. failure.Attempts.Select(attempt => $"{attempt} {attempt.Exception}"), .. pool.Pool.GetStatus().Select(status => $"{status} {status.LastError}"),
            .. logs.GetSnapshot().Select(record => $"{record} {record.Exception}")]);
        Assert.Equal(3, logs.GetSnapshot().Count);
        Assert.All(new[] { "one", "two", "three" }, host => Assert.DoesNotContain(ServicePool.KeyOf(host), all, StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("private words", all, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LoggerThrows_ChangesNothing(bool streaming)
    {
        using ThrowingFactory factory = new();
        using FakePool pool = new(3, loggerFactory: factory);
        pool.Clients[0].Plays(FakeFailure.Status(401));
        pool.Clients[1].Plays(FakeFailure.Refused());

        Assert.Equal("ccc", await pool.AskManyAsync(3, streaming));

        Assert.Equal(2, factory.Thrown);
        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(status => status.State));
    }

    [Fact]
    public async Task LoggerCallsThePool_DoesNotHang()
    {
        FakePool? pool = null;
        using CallbackFactory factory = new(() => _ = pool!.Pool.GetStatus());
        using (pool = new(2, loggerFactory: factory))
        {
            pool.Clients[0].Plays(FakeFailure.Status(401));

            Assert.Equal("b", await pool.AskAsync());
        }

        Assert.Equal(1, factory.Called);
    }

    private static (FakeLogCollector Logs, ILoggerFactory Factory) Collect()
    {
        FakeLogCollector logs = FakeLogCollector.Create(new FakeLogCollectorOptions());
#pragma warning disable CA2000 // The provider holds nothing, and lives as long as its test.
        return (logs, new LoggerFactory([new FakeLoggerProvider(logs)]));
#pragma warning restore CA2000
    }

    private sealed class ThrowingFactory : ILoggerFactory, ILogger
    {
        public int Thrown { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Thrown++;
            throw new InvalidOperationException("The disk is full.");
        }
    }

    private sealed class CallbackFactory(Action callback) : ILoggerFactory, ILogger
    {
        public int Called { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            Called++;
            callback();
        }
    }
}
