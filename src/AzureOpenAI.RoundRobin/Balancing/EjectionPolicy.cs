using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What a failure does to its endpoint. A pure function of the outcome and of the endpoint's standing.</summary>
internal static class EjectionPolicy
{
    public static Ejection Decide(in AttemptOutcome outcome, in Standing standing)
    {
        if (standing.IsLate)
        {
            return Ejection.TakeLate;
        }

        if (standing.IsSuspectRequest)
        {
            return Ejection.NoteRequest;
        }

        if (outcome is { Kind: OutcomeKind.RateLimited, IsForLong: false })
        {
            return Ejection.KeepPace;
        }

        return outcome.RetryAfter is null && standing.IsAvailable ? Guard(outcome.Kind, standing) : Ejection.Eject;
    }

    /// <summary>An endpoint that fails some calls stays available where no other is: ejected, it would make all calls wait.</summary>
    private static Ejection Guard(OutcomeKind kind, in Standing standing) => kind switch
    {
        // Calls of an only endpoint retry one by one with a pause, as the SDK's own retries do. With calls in the queue they would retry at once, without a pause.
        OutcomeKind.Failed or OutcomeKind.BrokenAnswer when standing is { IsHealthy: true, IsAlone: true, IsAwaited: false } => Ejection.None,
        OutcomeKind.Failed or OutcomeKind.BrokenAnswer when standing is { IsIntermittent: true, IsLastAvailableResource: true } => Ejection.Endure,
        OutcomeKind.Cut when standing.IsLastAvailable => Ejection.None,
        OutcomeKind.TimedOut when standing.IsAlone => Ejection.None,
        // Its key and deployment were right before: without it the pool would refuse every call, with it those that are not at fault themselves are answered. Calls in the
        // queue would ask it again at once, until their time is over.
        OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment when standing is { HasAnswered: true, IsLastAvailable: true, IsAwaited: false } => Ejection.None,
        _ => Ejection.Eject,
    };
}

/// <summary>What the balancer does to an endpoint after a failure.</summary>
internal enum Ejection
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The attempt is from before the last ejection: only a time that the endpoint stated counts.</summary>
    TakeLate,

    /// <summary>The request is at fault until a different one gets the same answer: log it, and eject nothing.</summary>
    NoteRequest,

    /// <summary>The endpoint has no room for a while: its pace decides when, and how many calls follow.</summary>
    KeepPace,

    /// <summary>The error is counted, and the endpoint stays available.</summary>
    Endure,

    /// <summary>The endpoint is ejected, unless it is the first error or timeout after a success.</summary>
    Eject,
}
