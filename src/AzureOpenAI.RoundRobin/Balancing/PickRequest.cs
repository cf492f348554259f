using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What a pick needs to know of a call, and what it notes on the call.</summary>
/// <remarks>Owned by the call. The balancer reads and writes it under its lock, while the call waits.</remarks>
internal sealed class PickRequest(Picker picker)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);

    // Made for a call that has failed somewhere: most calls that wait have not.
    private HashSet<Endpoint>? _tried;
    private HashSet<Endpoint>? _left;
    private HashSet<Endpoint>? _failed;
    private bool _failedTwice;
    private int _failures;
    private int _pauses;

    public Picker Picker { get; } = picker;

    /// <summary>The key of its conversation; 0 for a call without affinity, which takes its turn.</summary>
    public uint Affinity { get; set; }

    /// <summary>An estimate of what a token limit is charged for it; empty where no endpoint has one.</summary>
    public TokenEstimate Tokens { get; set; }

    /// <summary>How long the call may still wait.</summary>
    public required TimeSpan Patience { get; set; }

    /// <summary>With this many calls in its queue, it is refused if it was not among them.</summary>
    public int MaxWaiting { get; init; } = int.MaxValue;

    /// <summary>The endpoint that rejected it last.</summary>
    public Endpoint? RejectedBy { get; private set; }

    /// <summary>There are endpoints that the call does not go back to.</summary>
    public bool HasLeftAny => _left is not null;

    /// <summary>No endpoint is left for the call, however long it waits.</summary>
    public bool HasLeftAll => HasLeftAny && Array.TrueForAll(Picker.Endpoints, endpoint => endpoint.Health.IsMisconfigured || HasLeft(endpoint));

    /// <summary>The call has met a failure that may be the request's own fault: it goes on to untried healthy endpoints only, and does not wait for any.</summary>
    public bool OnlyUntried { get; set; }

    public bool HasTriedAny => _failures > 0;

    /// <summary>How long the call pauses before it asks the same endpoints again: 0.5, 1, 2 and then 4 s.</summary>
    public TimeSpan NextPause => FirstPause * (1 << Math.Min(_pauses, 3));

    /// <summary>Noted by the balancer: its place in the order of all calls that were ever queued; long.MaxValue for a call that never was.</summary>
    public long Ticket { get; set; } = long.MaxValue;

    /// <summary>It is or was queued.</summary>
    public bool HasQueued => Ticket != long.MaxValue;

    /// <summary>Noted by the balancer: no token limit will have room for it in time, so token limits do not hold it back.</summary>
    public bool IgnoresTokenLimits { get; set; }

    /// <summary>Noted by the balancer: it may ask each misconfigured endpoint once.</summary>
    public bool MayAskMisconfigured { get; set; }

    /// <summary>Noted by the balancer: its release counts for the pace of the queue, since it did not go to a probe of a faulty endpoint.</summary>
    public bool MadePace { get; set; }

    /// <summary>Noted by the balancer: the call has failed at every endpoint that it may ask, or a second time at one. From then on all time counts against MaxWait.</summary>
    public bool HasFailedEverywhere { get; private set; }

    /// <summary>No endpoint takes the call now, which has failed somewhere.</summary>
    /// <param name="mayStillAsk">Whether the call may still go to an endpoint that it has not tried.</param>
    public void NoteNoneFree(Func<Endpoint, bool> mayStillAsk) =>
        HasFailedEverywhere |= _failedTwice || Array.TrueForAll(Picker.Endpoints, endpoint => _failed?.Contains(endpoint) == true || !mayStillAsk(endpoint));

    public bool HasTried(Endpoint endpoint) => _tried?.Contains(endpoint) == true;

    /// <summary>This endpoint would say the same again to this call: the call does not go back to it.</summary>
    public bool HasLeft(Endpoint endpoint) => _left?.Contains(endpoint) == true;

    /// <summary>An attempt has failed there.</summary>
    /// <param name="endpoint">Where.</param>
    /// <param name="rejected">It had no room.</param>
    /// <param name="wouldRepeat">It would say the same again to the same request.</param>
    public void Failed(Endpoint endpoint, bool rejected, bool wouldRepeat)
    {
        _failures++;
        (_tried ??= []).Add(endpoint);
        _failedTwice |= !(_failed ??= []).Add(endpoint);
        RejectedBy = rejected ? endpoint : RejectedBy;
        if (wouldRepeat)
        {
            (_left ??= []).Add(endpoint);
        }
    }

    /// <summary>What this endpoint says goes for all of the same deployment and priority: they count as tried.</summary>
    /// <returns>Whether any other is left.</returns>
    public bool LeaveAlike(Endpoint endpoint)
    {
        (_tried ??= []).UnionWith(Picker.Endpoints.Where(other =>
            other == endpoint || (other.DeploymentName is { } name && name == endpoint.DeploymentName && other.Priority == endpoint.Priority)));
        return !Array.TrueForAll(Picker.Endpoints, HasTried);
    }

    /// <summary>The call has paused: it may ask again the endpoints that it has tried.</summary>
    public void Paused()
    {
        _pauses++;
        _tried = _left is null ? null : [.. _left];
    }
}
