using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

public sealed class BackplaneReportTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeLogCollector _logs = new();

    [Fact]
    public void EachChangeIsLogged_AndALossAgainEveryFiveMinutes()
    {
        using LoggerFactory factory = new([new FakeLoggerProvider(_logs)]);
        BackplaneReport report = new(factory, ConnectedGauge.Of(null), _time, "prod");
        report.Connected();
        report.Connected();
        Array.ForEach([0, 5, 290, 5], seconds =>
        {
            _time.Advance(TimeSpan.FromSeconds(seconds));
            report.Lost("there is no connection");
        });
        report.Connected();
        report.Ended();

        Assert.Equal([1, 2, 2, 1], _logs.GetSnapshot().Select(static record => record.Id.Id));
        Assert.Equal([LogLevel.Information, LogLevel.Warning], _logs.GetSnapshot().Take(2).Select(static record => record.Level));
        Assert.Equal(
            "Redis carries nothing for fleet 'prod': there is no connection. Until it does, this process goes by its own calls alone. This is logged again every 5 minutes.",
            _logs.GetSnapshot()[1].Message);
    }

    [Fact]
    public void WhyNobodyGrantsPermits_IsLoggedEveryFiveMinutesAtMost()
    {
        using LoggerFactory factory = new([new FakeLoggerProvider(_logs)]);
        BackplaneReport report = new(factory, ConnectedGauge.Of(null), _time, "prod");
        Array.ForEach([1, 200, 99, 1], seconds =>
        {
            _time.Advance(TimeSpan.FromSeconds(seconds));
            report.Alone("it does not answer in time");
        });

        Assert.Equal([(5, LogLevel.Warning), (5, LogLevel.Warning)], _logs.GetSnapshot().Select(static record => (record.Id.Id, record.Level)));
        Assert.StartsWith("Redis does not say in time when calls of fleet 'prod' may start: it does not answer in time. Until", _logs.GetSnapshot()[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoggerThatThrows_IsNoMatter()
    {
        using LoggerFactory factory = new([new Throwing()]);
        BackplaneReport report = new(factory, ConnectedGauge.Of(null), _time, "prod");

        report.Connected();
        report.Lost("x");
        report.Alone("x");
        report.Ended();
    }

    private sealed class Throwing : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => throw new InvalidOperationException();
    }
}
