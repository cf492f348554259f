namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>The configured limits of a deployment, and what has been taken of them, by the calls of all its service tiers.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class ConfiguredLimits(TimeProvider time)
{
    private readonly TimeProvider _time = time;
    private (int? Requests, int? Tokens) _perMinute;
    private SharedLimits? _shared;

    public Quota? Requests { get; private set; }

    public Quota? Tokens { get; private set; }

    public bool Any => Requests is not null || Tokens is not null;

    /// <summary>Where all processes share the limits, what this one may start; else null.</summary>
    public SharedLimits? Shared => Any ? _shared : null;

    /// <summary>The calls a second of this process in the long run; null without a limit of requests.</summary>
    public double? PerSecond => Requests is null ? null : Math.Max(Requests.PerSecond * (_shared?.Share ?? 1), 0.5 / Requests.Period.TotalSeconds);

    /// <summary>All processes share the limits from here on.</summary>
    /// <param name="id">By which the others know the deployment.</param>
    /// <param name="wants">Told when permits are wanted.</param>
    public void BeginSharing(EndpointId id, Action<IStartLine> wants) => _shared ??= new(_time, this, id, wants);

    /// <summary>Whether there is room for one more call, whatever its tokens.</summary>
    public bool HasRoom(long now) => Requests is not { } quota || (_shared is { } shared ? shared.HasRoom(now) : quota.HasRoom(1, now));

    /// <summary>When there will be room for one more call; in the past where there is now.</summary>
    public long RoomAt(long now) => Requests is not { } quota ? long.MinValue : _shared is { } shared ? shared.RoomAt(now) : quota.RoomAt(1, now);

    /// <summary>Whether there is room for the tokens. A call without an estimate is never held back.</summary>
    public bool HasRoomFor(long tokens, long now) =>
        tokens == 0 || Tokens is not { } quota || (_shared is { } shared ? shared.HasRoomFor(tokens, now) : quota.HasRoom(tokens, now));

    /// <summary>When there will be room for the tokens.</summary>
    public long RoomForAt(long tokens, long now) =>
        tokens == 0 || Tokens is not { } quota ? long.MinValue : _shared is { } shared ? shared.RoomForAt(tokens, now) : quota.RoomAt(tokens, now);

    /// <summary>A call is about to go to the endpoint.</summary>
    public void Take(long tokens, long now)
    {
        Requests?.Take(1, now);
        Tokens?.Take(tokens, now);
        Shared?.Take(tokens, now);
    }

    /// <summary>Applies the configuration. Calls before count against the new limits as they did against the old ones.</summary>
    public void Configure(int? requestsPerMinute, int? tokensPerMinute)
    {
        if (requestsPerMinute != _perMinute.Requests)
        {
            Requests = requestsPerMinute is { } requests ? Quota.OfRequests(_time, requests, Requests) : null;
        }

        if (tokensPerMinute != _perMinute.Tokens)
        {
            Tokens = tokensPerMinute is { } tokens ? Quota.OfTokens(_time, tokens, Tokens) : null;
        }

        _perMinute = (requestsPerMinute, tokensPerMinute);
        _shared?.Reconfigured();
    }
}
