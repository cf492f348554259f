using System.Collections.Concurrent;
using System.Diagnostics;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Hears the library's spans, under a span of the test's own.</summary>
internal sealed class FakeSpans : IDisposable
{
    private readonly ConcurrentQueue<Activity> _ended = new();
    private readonly ActivityListener _listener;

    public FakeSpans(Action<ActivityListener>? configure = null)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "AzureOpenAI.RoundRobin",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _ended.Enqueue,
        };
        configure?.Invoke(_listener);
        ActivitySource.AddActivityListener(_listener);
        Caller = new Activity("caller").Start();
    }

    /// <summary>The span that calls are made under.</summary>
    public Activity Caller { get; }

    public Activity[] Ended => [.. _ended];

    /// <summary>A span in one line: name, status, and tags in order of their names.</summary>
    public string[] Lines => [.. _ended.Select(span => string.Join(' ', [span.DisplayName, $"{span.Status}", .. span.TagObjects
        .OrderBy(tag => tag.Key, StringComparer.Ordinal)
        .Select(tag => FormattableString.Invariant($"{tag.Key.Replace("azure_openai.round_robin.", "", StringComparison.Ordinal)}={tag.Value}"))]))];

    public void Dispose()
    {
        Caller.Dispose();
        _listener.Dispose();
    }
}
