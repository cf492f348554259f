using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>Counts how often our pool takes an endpoint for silent, which it tells its log and nobody else.</summary>
internal sealed class VerdictLog : ILoggerFactory, ILogger
{
    public int Silent { get; private set; }

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        Silent += exception is TimeoutException && formatter(state, exception).Contains("(stalled", StringComparison.Ordinal) ? 1 : 0;

    public void Dispose()
    {
    }
}
