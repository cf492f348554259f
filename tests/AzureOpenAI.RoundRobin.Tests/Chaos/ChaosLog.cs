using System.Globalization;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Puts what the pool tells its operators into the record, by event number, endpoint and duration, so that no change of words changes the record.</summary>
internal sealed class ChaosLog(ChaosRun run) : ILoggerFactory, ILogger
{
    public ILogger CreateLogger(string categoryName) => this;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (state is IReadOnlyList<KeyValuePair<string, object?>> values)
        {
            Check(eventId.Id, values);
            run.Record.Note(string.Create(CultureInfo.InvariantCulture, $"event {eventId.Id} {string.Join(' ', values.Where(IsPlain).Select(value => value.Value))}"));
        }
    }

    /// <summary>An endpoint that nothing befalls answers all that is well itself. Whatever others meet elsewhere, and whatever their requests are, it is not blamed for it.</summary>
    private void Check(int id, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        if (id is >= 1 and <= 4 && run.Plan is { HasRock: true } && run.Time.Suspended == 0 && values.Any(static value => value is { Key: "Endpoint", Value: "e0" }))
        {
            run.Record.Report($"The endpoint that nothing befalls was ejected: event {id} {string.Join(' ', values.Select(static value => value.Value))}");
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
