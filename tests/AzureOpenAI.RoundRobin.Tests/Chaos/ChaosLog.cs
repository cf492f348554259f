using System.Globalization;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Puts what the pool tells its operators into the record, by event number, endpoint and duration, so that no change of words changes the record.</summary>
internal sealed class ChaosLog(ChaosRecord record) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
        {
            record.Note(string.Create(CultureInfo.InvariantCulture, $"event {eventId.Id} {string.Join(' ', values.Where(IsPlain).Select(value => value.Value))}"));
        }
    }

    public bool IsEnabled(LogLevel logLevel) => true;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void AddProvider(ILoggerProvider provider)
    {
    }

    public void Dispose()
    {
    }

    private static bool IsPlain(KeyValuePair<string, object?> value) => value.Key is "Endpoint" or "Joined" or "Left" or "Changed" || value.Value is TimeSpan;
}
