using AzureOpenAI.RoundRobin.Redis.Connection;
using AzureOpenAI.RoundRobin.Redis.Facts;

namespace AzureOpenAI.RoundRobin.Redis.Permits;

/// <summary>Asks Redis for permits, and waits for its answers as long as they are of use.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class PermitExchange(FleetKeys keys, TimeProvider time, ServerClock clock, BackplaneReport report)
{
    /// <summary>The server keeps what it has granted for at least this long, and two periods.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(60);

    /// <summary>What is granted is for now. How long calls wait is for the pools to say.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan BusyPause = TimeSpan.FromMilliseconds(1);

    private static readonly PermitRequest Nothing = new() { Limits = [], Wishes = [] };

    private readonly AskBreaker _breaker = new(time);
    private readonly Lock _lock = new();
    private readonly Dictionary<EndpointId, long> _grantedAt = [];

    /// <summary>Redis is back after it was away: it is asked at once.</summary>
    public void Reset() => _breaker.Tried(isMissing: false);

    /// <summary>The answer; <see cref="PermitReply.Alone"/> where there is none in time.</summary>
    public async Task<PermitReply> AskAsync(FleetSession session, PermitRequest request, CancellationToken cancellationToken)
    {
        // The thread is a call's.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (!_breaker.IsOpen)
        {
            (PermitReply? reply, string why) = await TryAskAsync(session, request, cancellationToken).ConfigureAwait(false);
            if (_breaker.Answered(isMissing: reply is null && !cancellationToken.IsCancellationRequested))
            {
                report.Alone(why);
            }

            return reply ?? PermitReply.Alone;
        }

        if (_breaker.TakeTrial())
        {
            // Pools do not wait for this answer: they decide alone already, and ask again soon.
            _breaker.Tried(isMissing: await TryAskAsync(session, Nothing, cancellationToken).ConfigureAwait(false) is (null, _));
        }

        return PermitReply.Alone;
    }

    /// <returns>The answer, or why there is none.</returns>
    private async Task<(PermitReply? Reply, string Why)> TryAskAsync(FleetSession session, PermitRequest request, CancellationToken cancellationToken)
    {
        try
        {
            (long began, string[] reply) = (time.GetTimestamp(), []);
            do
            {
                await (reply.Length > 0 ? Task.Delay(BusyPause, time, cancellationToken) : Task.CompletedTask).ConfigureAwait(false);
                reply = await session.AskAsync(PermitMessage.KeysOf(request, keys), PermitMessage.NumbersOf(request, IsKnown, UntilOf(began)), Patience, cancellationToken).ConfigureAwait(false);
            }
            while (PermitMessage.IsBusy(reply, request) && time.GetElapsedTime(began) < Patience);

            PermitReply permits = PermitMessage.Read(reply, request.Limits.Count, AgeOf, out bool hasLost);
            NoteGranted(request, permits);
            if (hasLost)
            {
                report.Learns();
            }

            return (permits, "");
        }
#pragma warning disable CA1031 // Whatever goes wrong with Redis, the pools decide alone.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return (null, RedisFailure.Describe(exception));
        }
    }

    /// <summary>A server that stood still carries out what it finds: permits for nobody, and starts that are told again.</summary>
    private long? UntilOf(long began) => clock.Now is { } now ? now + (long)(Patience - time.GetElapsedTime(began)).TotalMilliseconds : null;

    private TimeSpan AgeOf(long serverMicroseconds) => clock.Since(serverMicroseconds / 1000.0);

    private bool IsKnown(EndpointId id)
    {
        lock (_lock)
        {
            return _grantedAt.TryGetValue(id, out long at) && time.GetElapsedTime(at) < Kept;
        }
    }

    private void NoteGranted(PermitRequest request, PermitReply reply)
    {
        lock (_lock)
        {
            for (int i = 0; i < reply.Granted.Count; i++)
            {
                if (reply.Granted[i] > 0)
                {
                    _grantedAt[request.Limits[i].Id] = time.GetTimestamp();
                }
            }
        }
    }
}
