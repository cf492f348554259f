using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Pool;

/// <summary>Logs, at most once an hour, that a call names a model which no endpoint has: the deployment that answers it may be of another model.</summary>
internal sealed class UnmappedModels
{
    private static readonly TimeSpan Pause = TimeSpan.FromHours(1);

    private readonly TimeProvider _time;
    private readonly PoolLog _log;

    // Null where a ready-made client gets the model as the caller wrote it, and may know it.
    private readonly HashSet<string>? _deployments;
    private long _dueAt = long.MinValue;

    public UnmappedModels(PoolSettings settings, TimeProvider time, PoolLog log)
    {
        (_time, _log) = (time, log);
        _deployments = settings.Endpoints.Any(static endpoint => endpoint.Kind == EndpointKind.ReadyMade) ? null
            : settings.Endpoints.Select(static endpoint => endpoint.Deployment).OfType<string>().ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>A call names a model that no entry maps.</summary>
    public void Note(string model)
    {
        if (_deployments is null || _deployments.Contains(model))
        {
            return;
        }

        long now = _time.GetTimestamp();
        long dueAt = Volatile.Read(ref _dueAt);
        // Of the calls that come at the same time one wins the exchange and logs.
        if (now >= dueAt && Interlocked.CompareExchange(ref _dueAt, _time.After(now, Pause), dueAt) == dueAt)
        {
            _log.ModelUnmapped(TextRules.CanShow(model) ? model : "(not shown)");
        }
    }
}
