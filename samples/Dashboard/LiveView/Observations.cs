using System.Diagnostics.Metrics;

namespace Dashboard.LiveView;

/// <summary>The measurements of the pool since a client connected. The record is of bounded size.</summary>
/// <remarks>
/// Needs the factory that the pool was given, if any. The meter is that of all pools in the app, so an app with several of them sees their latencies and calls together; states and totals of endpoints are
/// read from the pool itself. Measurements run on the threads of the calls, so each is handled quickly.
/// </remarks>
internal sealed class Observations : IDisposable
{
    private const string Meter = "AzureOpenAI.RoundRobin";
    private const string Prefix = "azure_openai.round_robin.";
    private const string Cut = "cut";
    private const int MostEvents = 64;

    private readonly Lock _lock = new();
    private readonly MeterListener _listener = new();
    private readonly TimeProvider _time;
    private readonly Dictionary<string, LatencyWindow> _latencies = [];
    private readonly LatencyWindow _all;
    private readonly LinkedList<LiveEvent> _events = [];
    private CallTotals _calls;

    public Observations(TimeProvider time, IMeterFactory? meters)
    {
        _time = time;
        _all = new(time);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == Meter && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Take(instrument.Name, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Take(instrument.Name, value, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Take(instrument.Name, value, tags));
        _listener.Start();
    }

    public CallTotals Calls
    {
        get
        {
            lock (_lock)
            {
                return _calls;
            }
        }
    }

    /// <summary>A word of the metrics as text for a person.</summary>
    public static string Words(string name) => name.Replace('_', ' ');

    public Latencies Latencies(string? endpoint = null)
    {
        lock (_lock)
        {
            return endpoint is null ? _all.Read() : _latencies.TryGetValue(endpoint, out LatencyWindow? window) ? window.Read() : default;
        }
    }

    /// <summary>The events since the last call, the oldest first.</summary>
    public LiveEvent[] TakeEvents()
    {
        lock (_lock)
        {
            LiveEvent[] events = [.. _events];
            _events.Clear();
            return events;
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Take(string instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        lock (_lock)
        {
            switch (instrument)
            {
                case Prefix + "attempt.duration":
                    TakeAttempt(value, Tag(tags, "endpoint"), Tag(tags, "outcome"), Tag(tags, "error.type"));
                    break;
                case Prefix + "call.attempts":
                    TakeCall(value, Tag(tags, "outcome"));
                    break;
                case Prefix + "cooldowns":
                    Note(new(LiveEventKind.Unavailable, Tag(tags, "endpoint"), Words(Tag(tags, "reason")), 1));
                    break;
                case Prefix + "wait.duration":
                    _calls = _calls with { Waits = _calls.Waits + 1, LongestWait = Math.Max(_calls.LongestWait, value) };
                    break;
                default:
                    break;
            }
        }
    }

    private void TakeAttempt(double seconds, string endpoint, string outcome, string error)
    {
        if (outcome == "answered")
        {
            if (!_latencies.TryGetValue(endpoint, out LatencyWindow? window))
            {
                _latencies.Add(endpoint, window = new(_time));
            }

            window.Add(seconds);
            _all.Add(seconds);
        }
        else if (!IsCallersOwn(outcome))
        {
            // Of the values of error.type only a status is short enough for a person.
            string status = int.TryParse(error, out _) ? $" ({error})" : "";
            Note(new(outcome == Cut ? LiveEventKind.Cut : LiveEventKind.Failover, endpoint, Words(outcome) + status, 1));
        }
    }

    private void TakeCall(double attempts, string outcome)
    {
        if (outcome == "answered")
        {
            _calls = _calls with { Answered = _calls.Answered + 1, MovedOn = _calls.MovedOn + (attempts > 1 ? 1 : 0) };
        }
        else if (!IsCallersOwn(outcome))
        {
            _calls = _calls with { Lost = _calls.Lost + 1, Cut = _calls.Cut + (outcome == Cut ? 1 : 0) };
        }
    }

    /// <summary>Equal events between two frames are one entry with a count.</summary>
    private void Note(LiveEvent happened)
    {
        for (LinkedListNode<LiveEvent>? node = _events.Last; node is not null; node = node.Previous)
        {
            if (node.Value with { Count = 1 } == happened)
            {
                node.Value = happened with { Count = node.Value.Count + 1 };
                return;
            }
        }

        _events.AddLast(happened);
        if (_events.Count > MostEvents)
        {
            _events.RemoveFirst();
        }
    }

    private static bool IsCallersOwn(string outcome) => outcome is "cancelled" or "abandoned" or "invalid_request";

    private static string Tag(ReadOnlySpan<KeyValuePair<string, object?>> tags, string name)
    {
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            if (tag.Key == name)
            {
                return tag.Value as string ?? "";
            }
        }

        return "";
    }
}
