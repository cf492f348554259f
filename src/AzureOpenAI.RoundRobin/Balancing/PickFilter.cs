using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Says which endpoints may be picked.</summary>
internal interface IPickFilter
{
    bool Allows(Endpoint endpoint);
}

/// <summary>Every endpoint of a rotation may be picked: nothing is due, and no call waits.</summary>
internal readonly struct AnyEndpoint : IPickFilter
{
    public bool Allows(Endpoint endpoint) => true;
}

/// <summary>The endpoints that one call may go to now: they have room for it, and it has not failed there. Under the balancer's lock.</summary>
/// <param name="request">The call.</param>
/// <param name="inFlight">The attempts that run.</param>
/// <param name="retry">Whether an endpoint that this call has tried will do.</param>
/// <param name="now">The present.</param>
internal readonly struct PickFilter(PickRequest request, InFlight inFlight, bool retry, long now) : IPickFilter
{
    /// <summary>Queued calls that wait for endpoints to acknowledge a burst look again after this time.</summary>
    public static readonly TimeSpan BurstSpacing = TimeSpan.FromMilliseconds(25);

    /// <summary>With fewer calls in flight at an endpoint there is no burst protection.</summary>
    private const int LeastBurst = 32;

    /// <summary>Calls that can wait for less than this skip burst protection.</summary>
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public PickRequest Request { get; } = request;

    public long Now { get; } = now;

    public bool Allows(Endpoint endpoint) =>
        endpoint.HasRoom(Now) && (retry || !Request.HasTried(endpoint))
        && (Request.IgnoresTokenLimits || endpoint.Capacity.HasRoomFor(Request.Tokens.At(endpoint.MaxOutputTokens), Now))
        && !IsInBurst(endpoint);

    /// <summary>When the endpoint's limits will have room for the call; in the past where they have now.</summary>
    public long RoomAt(Endpoint endpoint) => Math.Max(
        endpoint.RoomAt(Now),
        Request.IgnoresTokenLimits || !Request.Tokens.IsCharged ? long.MinValue : endpoint.Capacity.RoomForAt(Request.Tokens.At(endpoint.MaxOutputTokens), Now));

    /// <summary>
    /// This endpoint has at least as many unacknowledged calls as the one that rejected this call last, and more than twice what it answers in a second: it will
    /// most likely reject this call too. It is asked once it has acknowledged them; at once by a call that asks only endpoints that it has not tried, and waits for none.
    /// </summary>
    public bool IsInBurst(Endpoint endpoint)
    {
        if (Request.OnlyUntried || Request.RejectedBy is not { } other || other == endpoint || endpoint.InFlight < LeastBurst || Request.Patience < LeastPatience)
        {
            return false;
        }

        int unacknowledged = Unacknowledged(endpoint);
        return unacknowledged >= Math.Max(LeastBurst, Unacknowledged(other)) && unacknowledged > 2 * endpoint.Capacity.AnsweredWithin(Second, endpoint.Answered, Now);
    }

    private int Unacknowledged(Endpoint endpoint) => inFlight.Recent(endpoint, Now).Unanswered;
}
