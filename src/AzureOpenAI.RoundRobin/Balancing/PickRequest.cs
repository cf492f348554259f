using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>All that a pick must know of a call, and what it notes on it.</summary>
/// <remarks>Owned by the call. Read and written by the balancer under its lock, while the call waits for that.</remarks>
internal sealed class PickRequest(Picker picker)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(500);

    private readonly HashSet<Endpoint> _tried = [];
    private int _failures;
    private int _pauses;

    public Picker Picker { get; } = picker;

    /// <summary>What keeps it with the other calls of its conversation; 0 for one that takes its turn.</summary>
    public uint Affinity { get; init; }

    /// <summary>About what a token limit is charged for it; nothing where there is none.</summary>
    public TokenEstimate Tokens { get; init; }

    /// <summary>How long the call may still wait.</summary>
    public required TimeSpan Patience { get; set; }

    /// <summary>Where it was rejected last.</summary>
    public Endpoint? RejectedBy { get; private set; }

    /// <summary>This endpoint stated more than 5 minutes to this call, and would state the same again: the call does not go back to it.</summary>
    public Endpoint? TooLargeFor { get; private set; }

    public bool HasTriedAny => _failures > 0;

    /// <summary>How long the call pauses before it asks the same endpoints again: 0.5, 1, 2 and then 4 s.</summary>
    public TimeSpan NextPause => FirstPause * (1 << Math.Min(_pauses, 3));

    /// <summary>The call goes to a healthy endpoint that it has not tried, and goes at once, or ends.</summary>
    public bool GoesOnlyToUntried { get; set; }

    /// <summary>Noted by the balancer: its place among all calls that were ever queued; long.MaxValue for one that never was.</summary>
    public long Ticket { get; set; } = long.MaxValue;

    /// <summary>Noted by the balancer: it goes wherever else it may, since no token limit will have room for it in time.</summary>
    public bool IgnoresTokenLimits { get; set; }

    /// <summary>Noted by the balancer: it may ask each misconfigured endpoint once.</summary>
    public bool MayAskMisconfigured { get; set; }

    /// <summary>Noted by the balancer: it was released from the queue to an endpoint that is known to take calls, so its release counts for the pace of the queue.</summary>
    public bool MadePace { get; set; }

    public bool HasTried(Endpoint endpoint) => _tried.Contains(endpoint);

    /// <summary>An attempt has failed there.</summary>
    public void Failed(Endpoint endpoint, bool rejected, bool tooLarge)
    {
        _failures++;
        _tried.Add(endpoint);
        RejectedBy = rejected ? endpoint : RejectedBy;
        TooLargeFor = tooLarge ? endpoint : TooLargeFor;
    }

    /// <summary>The call has paused, and may ask the endpoints that it has tried again.</summary>
    public void Paused()
    {
        _pauses++;
        _tried.RemoveWhere(endpoint => endpoint != TooLargeFor);
    }
}
