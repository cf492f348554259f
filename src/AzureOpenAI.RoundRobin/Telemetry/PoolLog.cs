using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Outcomes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AzureOpenAI.RoundRobin.Telemetry;

/// <summary>
/// The pool's log. Entries are noted under the balancer's lock and written after it; a logger that throws cannot change a call.
/// </summary>
/// <remarks>
/// Whether a level is enabled is asked when an entry is written and not under the lock, since the logger is the user's code. Without a logger nothing is noted.
/// </remarks>
internal sealed partial class PoolLog(ILogger logger, Instruments? instruments, ConcurrentDictionary<string, bool> toldWarnings)
{
    /// <summary>The category of all logs: the full name of the pool's type.</summary>
    public const string Category = "AzureOpenAI.RoundRobin.EndpointPool";

    private static readonly TimeSpan ShortPause = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = logger;
    private readonly Instruments? _instruments = instruments;
    private readonly ConcurrentDictionary<string, bool> _toldWarnings = toldWarnings;
    private readonly ConcurrentQueue<Action<ILogger>> _notes = new();
    private int _noted;
    private int _toldReasoning;
    private int _toldBackplane;

    /// <returns>Whether the end of the cooldown is logged too. Pauses under 1 s are logged at Debug, and their end is not logged.</returns>
    public bool Ejected(string endpoint, OutcomeKind kind, int status, TimeSpan pause, Exception exception)
    {
        if (_instruments is { WantsCooldowns: true })
        {
            Enqueue(_ => _instruments.Ejected(endpoint, kind));
        }

        if (kind is OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment)
        {
            Note(kind == OutcomeKind.CredentialRefused
                ? logger => CredentialRefused(logger, endpoint, status, pause, exception)
                : logger => DeploymentMissing(logger, endpoint, status, pause, exception));
        }
        else if (kind == OutcomeKind.RateLimited)
        {
            bool isShort = pause < ShortPause;
            Note(logger => RateLimited(logger, isShort ? LogLevel.Debug : LogLevel.Information, endpoint, pause));
            return !isShort;
        }
        else
        {
            string how = kind == OutcomeKind.Unreachable && ConnectionFault.Describe(exception) is { } said ? $", {said}" : "";
            Note(logger => CoolingDown(logger, endpoint, OutcomeNames.Of(kind), status, how, pause, exception));
        }

        return true;
    }

    /// <inheritdoc cref="Ejected"/>
    public bool EjectedByHearsay(string endpoint, OutcomeKind kind, TimeSpan pause)
    {
        bool isShort = pause < ShortPause;
        string reason = OutcomeNames.Of(kind);
        Note(logger => ToldUnavailable(logger, isShort ? LogLevel.Debug : LogLevel.Information, endpoint, pause, reason));
        return !isShort;
    }

    public void Recovered(string endpoint) => Note(logger => IsFitAgain(logger, endpoint));

    public void SuspectedRequest(string endpoint, TimeSpan hint) => Note(logger => RequestMayExceedLimit(logger, endpoint, hint));

    /// <summary>Logs nothing where nothing has changed.</summary>
    public void Changed(IReadOnlyCollection<string> joined, IReadOnlyCollection<string> left, IReadOnlyCollection<string> changed)
    {
        if (joined.Count + left.Count + changed.Count > 0)
        {
            string[] names = [NamesOf(joined), NamesOf(left), NamesOf(changed)];
            Note(logger => EndpointsChanged(logger, names[0], names[1], names[2]));
        }
    }

    public void Left(string endpoint) => Note(logger => HasLeft(logger, endpoint));

    /// <summary>Writes at once, so not under a lock.</summary>
    public void Refused(Exception exception)
    {
        Note(logger => ConfigurationRefused(logger, exception.Message, exception));
        Write();
    }

    /// <summary>Writes at once, so not under a lock.</summary>
    public void AffinityFailed(Exception exception)
    {
        Note(logger => AffinityKeyFailed(logger, exception));
        Write();
    }

    /// <summary>A call was made without its encrypted reasoning. Counted each time, and logged once. Writes at once, so not under a lock.</summary>
    public void ReasoningLeftOut(string endpoint)
    {
        _instruments?.ReasoningLeftOut(endpoint);
        if (Interlocked.Exchange(ref _toldReasoning, 1) == 0)
        {
            Note(logger => LeftReasoningOut(logger, endpoint));
            Write();
        }
    }

    /// <summary>Logged once. Writes at once, so not under a lock.</summary>
    public void BackplaneFailed(Exception exception)
    {
        if (Interlocked.Exchange(ref _toldBackplane, 1) == 0)
        {
            Note(logger => BackplaneThrew(logger, exception));
            Write();
        }
    }

    /// <summary>Tells at once: not to be called under a lock.</summary>
    public void ClassificationFailed(Exception exception)
    {
        Note(logger => ClassifyExceptionFailed(logger, exception));
        Write();
    }

    /// <summary>Writes at once, so not under a lock.</summary>
    public void ModelUnmapped(string model)
    {
        Note(logger => ModelIsUnmapped(logger, model));
        Write();
    }

    /// <param name="loggerFactory">Where it is told, or null for nowhere.</param>
    /// <param name="instruments">Where it is counted, or null where there is no pool.</param>
    public static PoolLog Of(ILoggerFactory? loggerFactory, Instruments? instruments = null)
    {
        loggerFactory ??= NullLoggerFactory.Instance;
        return new(loggerFactory.CreateLogger(Category), instruments, ToldWarnings.Of(loggerFactory));
    }

    /// <summary>Writes the warnings about the configuration that this factory's log does not have yet.</summary>
    public void Write(IEnumerable<string> warnings)
    {
        foreach (string warning in warnings.Where(warning => _toldWarnings.TryAdd(warning, true)))
        {
            Note(logger => ConfigurationWarning(logger, warning));
        }

        Write();
    }

    /// <summary>Writes the noted entries. Not under a lock, since a logger is the user's code. Each call that took the balancer's lock comes here, and finds none as a rule.</summary>
    public void Write()
    {
        if (Volatile.Read(ref _noted) == 0)
        {
            return;
        }

        while (_notes.TryDequeue(out Action<ILogger>? note))
        {
            Interlocked.Decrement(ref _noted);
            try
            {
                note(_logger);
            }
#pragma warning disable CA1031 // A logger that throws must not change the outcome of a call, whatever it throws.
            catch
#pragma warning restore CA1031
            {
            }
        }
    }

    private void Note(Action<ILogger> note)
    {
        if (_logger is not NullLogger)
        {
            Enqueue(note);
        }
    }

    private void Enqueue(Action<ILogger> note)
    {
        // Before it is in the queue: whoever reads 0 has noted nothing itself.
        Interlocked.Increment(ref _noted);
        _notes.Enqueue(note);
    }

    [LoggerMessage(EventId = 1, EventName = "EndpointRateLimited",
        Message = "Endpoint '{Endpoint}' is unavailable for {Cooldown}: rate limited.")]
    private static partial void RateLimited(ILogger logger, LogLevel level, string endpoint, TimeSpan cooldown);

    [LoggerMessage(EventId = 2, EventName = "EndpointUnavailable", Level = LogLevel.Warning,
        Message = "Endpoint '{Endpoint}' is unavailable for {Cooldown} ({Reason}, status {Status}{How}).")]
    private static partial void CoolingDown(ILogger logger, string endpoint, string reason, int status, string how, TimeSpan cooldown, Exception exception);

    [LoggerMessage(EventId = 3, EventName = "EndpointCredentialRefused", Level = LogLevel.Error,
        Message = "Endpoint '{Endpoint}' is misconfigured: it refuses its key or credential (status {Status}). Check its AZURE_OPENAI_API_KEY or role, and its network rules. It is asked again in {Cooldown}.")]
    private static partial void CredentialRefused(ILogger logger, string endpoint, int status, TimeSpan cooldown, Exception exception);

    [LoggerMessage(EventId = 4, EventName = "EndpointDeploymentMissing", Level = LogLevel.Error,
        Message = "Endpoint '{Endpoint}' is misconfigured: it has no such deployment or path (status {Status}). Check its address, deployment name and api-version. It is asked again in {Cooldown}.")]
    private static partial void DeploymentMissing(ILogger logger, string endpoint, int status, TimeSpan cooldown, Exception exception);

    [LoggerMessage(EventId = 5, EventName = "EndpointAvailable", Level = LogLevel.Information,
        Message = "Endpoint '{Endpoint}' is available again.")]
    private static partial void IsFitAgain(ILogger logger, string endpoint);

    [LoggerMessage(EventId = 6, EventName = "RequestMayExceedLimit", Level = LogLevel.Warning,
        Message = "Endpoint '{Endpoint}' asks to wait for {RetryAfter}: the request may exceed the deployment's whole limit. The endpoint is not ejected for it.")]
    private static partial void RequestMayExceedLimit(ILogger logger, string endpoint, TimeSpan retryAfter);

    [LoggerMessage(EventId = 7, EventName = "ConfigurationWarning", Level = LogLevel.Warning, Message = "{Warning}")]
    private static partial void ConfigurationWarning(ILogger logger, string warning);

    [LoggerMessage(EventId = 8, EventName = "AffinityKeyFailed", Level = LogLevel.Warning,
        Message = "The affinity of a call could not be determined, so the call takes its turn; check AffinityKey. This warning is logged once.")]
    private static partial void AffinityKeyFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 9, EventName = "EndpointsChanged", Level = LogLevel.Information,
        Message = "The configuration has changed. Endpoints that joined: {Joined}; left: {Left}; changed: {Changed}.")]
    private static partial void EndpointsChanged(ILogger logger, string joined, string left, string changed);

    [LoggerMessage(EventId = 10, EventName = "ConfigurationRefused", Level = LogLevel.Error,
        Message = "The new configuration is refused, and the pool goes on with the old one: {Faults}")]
    private static partial void ConfigurationRefused(ILogger logger, string faults, Exception exception);

    [LoggerMessage(EventId = 11, EventName = "EndpointLeft", Level = LogLevel.Information,
        Message = "Endpoint '{Endpoint}' has left the configuration, and its last call has ended.")]
    private static partial void HasLeft(ILogger logger, string endpoint);

    [LoggerMessage(EventId = 12, EventName = "ClassifyExceptionFailed", Level = LogLevel.Warning,
        Message = "ClassifyException threw, so the pool judges by its own rules; check it. This is said only once.")]
    private static partial void ClassifyExceptionFailed(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 13, EventName = "ModelNotMapped", Level = LogLevel.Warning,
        Message = "A call names the model '{Model}', which no endpoint maps and which is the name of no deployment. Each endpoint answers such calls with its own deployment. "
            + "Map the model in deployments, or leave ModelId out. This is logged once an hour.")]
    private static partial void ModelIsUnmapped(ILogger logger, string model);

    [LoggerMessage(EventId = 14, EventName = "ReasoningLeftOut", Level = LogLevel.Information,
        Message = "A call at endpoint '{Endpoint}' was made without its encrypted reasoning, which another resource made and this one cannot read. The model reasons anew. This is said only once; the metric reasoning.left_out counts all.")]
    private static partial void LeftReasoningOut(ILogger logger, string endpoint);

    [LoggerMessage(EventId = 15, EventName = "EndpointToldUnavailable",
        Message = "Endpoint '{Endpoint}' is unavailable for {Cooldown}: another process found it so ({Reason}).")]
    private static partial void ToldUnavailable(ILogger logger, LogLevel level, string endpoint, TimeSpan cooldown, string reason);

    [LoggerMessage(EventId = 16, EventName = "BackplaneFailed", Level = LogLevel.Warning,
        Message = "The backplane threw, so other processes did not hear what this one found of an endpoint; check it. No call is changed by it. This is said only once.")]
    private static partial void BackplaneThrew(ILogger logger, Exception exception);

    private static string NamesOf(IReadOnlyCollection<string> endpoints) =>
        endpoints.Count == 0 ? "none" : string.Join(", ", endpoints.Select(static name => $"'{name}'"));
}
