using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AzureOpenAI.RoundRobin.Redis;

/// <summary>Tells people whether Redis carries anything: each change at once, and a loss again every 5 minutes.</summary>
/// <remarks>Not safe for concurrent use, but for <see cref="Learns"/> and <see cref="Alone"/>; the loop of one backplane calls it.</remarks>
internal sealed partial class BackplaneReport(ILoggerFactory? loggerFactory, ConnectedGauge gauge, TimeProvider time, string fleet)
{
    public const string Category = "AzureOpenAI.RoundRobin.Redis";

    private static readonly TimeSpan Again = TimeSpan.FromMinutes(5);

    private readonly ILogger _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger(Category);
    private bool _isConnected;
    private long? _lostAt;
    private long _learntAt;
    private long _aloneAt;

    /// <summary>Called before all others.</summary>
    public void Began() => gauge.Set(this, false);

    public void Connected()
    {
        gauge.Set(this, true);
        if (!_isConnected)
        {
            (_isConnected, _lostAt) = (true, null);
            Write(() => IsConnected(_logger, fleet));
        }
    }

    public void Lost(string reason)
    {
        gauge.Set(this, false);
        _isConnected = false;
        if (_lostAt is not { } lostAt || time.GetElapsedTime(lostAt) >= Again)
        {
            _lostAt = time.GetTimestamp();
            Write(() => IsLost(_logger, fleet, reason));
        }
    }

    /// <summary>The server has lost what it had granted. Any thread says it.</summary>
    public void Learns()
    {
        if (IsDue(ref _learntAt))
        {
            Write(() => IsLearning(_logger, fleet));
        }
    }

    /// <summary>No request for permits is sent for a while, since too many were not answered. Any thread says it.</summary>
    public void Alone(string reason)
    {
        if (IsDue(ref _aloneAt))
        {
            Write(() => IsAlone(_logger, fleet, reason));
        }
    }

    public void NotConfigured() => Write(() => IsNotConfigured(_logger));

    /// <summary>No pool is left that listens.</summary>
    public void Ended()
    {
        gauge.Remove(this);
        (_isConnected, _lostAt) = (false, null);
    }

    /// <summary>Whether it was not said in the last 5 minutes. Of several threads one says it.</summary>
    private bool IsDue(ref long saidAt)
    {
        long now = time.GetTimestamp(), before = Volatile.Read(ref saidAt);
        return (before == 0 || time.GetElapsedTime(before, now) >= Again) && Interlocked.CompareExchange(ref saidAt, now, before) == before;
    }

    private static void Write(Action log)
    {
        try
        {
            log();
        }
#pragma warning disable CA1031 // A logger that throws must not end the loop.
        catch
#pragma warning restore CA1031
        {
        }
    }

    [LoggerMessage(EventId = 1, EventName = "BackplaneConnected", Level = LogLevel.Information,
        Message = "Redis carries what the processes of fleet '{Fleet}' find out about their endpoints.")]
    private static partial void IsConnected(ILogger logger, string fleet);

    [LoggerMessage(EventId = 2, EventName = "BackplaneLost", Level = LogLevel.Warning,
        Message = "Redis carries nothing for fleet '{Fleet}': {Reason}. Until it does, this process goes by its own calls alone. This is logged again every 5 minutes.")]
    private static partial void IsLost(ILogger logger, string fleet, string reason);

    [LoggerMessage(EventId = 3, EventName = "BackplaneNotConfigured", Level = LogLevel.Warning,
        Message = "No Redis is configured, so this process goes by its own calls alone. Register an IConnectionMultiplexer, or set ConnectionString, AZURE_OPENAI_ROUND_ROBIN_REDIS or ConnectionStrings:redis.")]
    private static partial void IsNotConfigured(ILogger logger);

    [LoggerMessage(EventId = 4, EventName = "BackplaneLearns", Level = LogLevel.Warning,
        Message = "Redis has lost what it had granted to fleet '{Fleet}' of the configured limits, as after it was emptied. For one period they count as used up, so that they are not used twice.")]
    private static partial void IsLearning(ILogger logger, string fleet);

    [LoggerMessage(EventId = 5, EventName = "BackplaneAlone", Level = LogLevel.Warning,
        Message = "Redis does not say in time when calls of fleet '{Fleet}' may start: {Reason}. Until it does, this process keeps its share of the limits by itself. This is logged at most every 5 minutes.")]
    private static partial void IsAlone(ILogger logger, string fleet, string reason);
}
