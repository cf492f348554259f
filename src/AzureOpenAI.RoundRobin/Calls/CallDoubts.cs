using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Outcomes;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>
/// The failures of a call that may be the endpoint's fault or the request's: what other endpoints say to the same request shows which. Until then no endpoint is
/// blamed.
/// </summary>
internal sealed class CallDoubts(AttemptTracker tracker, Picker picker, Func<int> fingerprint)
{
    /// <summary>A call makes at most this many attempts that leave doubt.</summary>
    private const int Most = 4;

    /// <summary>The same for statuses of configuration, which come quickly and cost nothing: as many endpoints as pools have as a rule.</summary>
    private const int MostOfConfiguration = 8;

    /// <summary>Where a second endpoint says the same, the answer is the request's: that of a request that it refuses, or that its SDK does not understand.</summary>
    private const int MostOfRequests = 2;

    private readonly List<Doubt> _doubts = [];

    public int Count => _doubts.Count;

    /// <summary>The first and the last of them.</summary>
    public (AttemptOutcome First, AttemptOutcome Last) Outcomes => (_doubts[0].Outcome, _doubts[^1].Outcome);

    /// <summary>Whether a failure leaves doubt. One of an endpoint that is being probed does not, nor a refused key or a missing deployment where nothing was ever answered.</summary>
    public bool Leaves(Attempt attempt, in AttemptOutcome outcome) => outcome.Kind switch
    {
        OutcomeKind.BrokenAnswer => !attempt.HoldsPermit,
        OutcomeKind.CredentialRefused or OutcomeKind.MissingDeployment => !attempt.HoldsPermit && tracker.HasAnswered(attempt.Endpoint, outcome.Kind),
        _ => outcome.MayBeEndpoints || (outcome.IsUnknown && !attempt.HoldsPermit),
    };

    public void Add(Endpoint endpoint, int epoch, in AttemptOutcome outcome, TimeSpan cost) => _doubts.Add(new(endpoint, epoch, outcome, cost));

    /// <summary>Whether the call has seen enough of what it saw last. A job that is not at one endpoint may be at any other.</summary>
    public bool IsSettled
    {
        get
        {
            Doubt last = _doubts[^1];
            return last.IsOfRequest && _doubts.TrueForAll(doubt => doubt.IsOfRequest && doubt.Outcome.Kind == last.Outcome.Kind) ? _doubts.Count >= MostOfRequests
                : last.IsCheap ? _doubts.Count(static doubt => doubt.IsCheap) >= MostOfConfiguration
                : !last.Outcome.IsUnknown && _doubts.Count(static doubt => doubt is { IsCheap: false, Outcome.IsUnknown: false }) >= Most;
        }
    }

    /// <summary>Whether the call asks no endpoint again, and waits for none: a second answer of the same would say nothing new.</summary>
    /// <remarks>
    /// An endpoint that failed with an unknown exception is not asked again either, but the call may wait for the others. An only endpoint whose answer broke off is asked
    /// again, as the SDK's own retries do: no other can show whose fault it is.
    /// </remarks>
    public bool OnlyUntried => _doubts.FindAll(doubt => !doubt.Outcome.IsUnknown && !(doubt.Outcome.IsBrokenOff && picker.Endpoints.Length == 1)) is var known
        && (known.Count > 1 || (known.Count == 1 && (known[0].Outcome.Kind != OutcomeKind.BrokenAnswer || known[0].Outcome.IsUnreadable)));

    /// <summary>Whether every endpoint said the same.</summary>
    public bool AreAlike => _doubts.TrueForAll(doubt => doubt.Outcome.Kind == _doubts[0].Outcome.Kind && doubt.Outcome.Status == _doubts[0].Outcome.Status);

    /// <summary>Another endpoint has answered the request: a broken answer was its endpoint's fault, and any other failure most likely too.</summary>
    public void Answered()
    {
        foreach (Doubt doubt in _doubts)
        {
            if (doubt.Outcome.Kind == OutcomeKind.BrokenAnswer || doubt.Outcome.IsUnknown)
            {
                tracker.Eject(doubt.Endpoint, doubt.Epoch, doubt.Outcome, doubt.Cost);
            }
            else
            {
                Suspect(doubt);
            }
        }

        _doubts.Clear();
    }

    /// <summary>No endpoint has answered the request. Where all said the same of it, it is the request's.</summary>
    /// <param name="others">How many other failures the call has met.</param>
    /// <param name="allAsked">Whether every endpoint was asked that could be.</param>
    public void Unanswered(int others, bool allAsked)
    {
        if (others > 0 || (!allAsked && _doubts is [{ Outcome.IsOfConfiguration: true }, ..]) || !AreAlike || _doubts is [{ Outcome.Kind: OutcomeKind.BrokenAnswer }, ..])
        {
            _doubts.ForEach(Suspect);
        }

        _doubts.Clear();
    }

    /// <summary>Counts against the endpoint when a different request meets the same there, with no answer between. A prompt that is too long for its model never does.</summary>
    private void Suspect(Doubt doubt)
    {
        if (doubt.Outcome.IsTooLong)
        {
            return;
        }

        // A refused request that others answer: the endpoint lacks what the request asks for.
        AttemptOutcome outcome = doubt.Outcome.Kind == OutcomeKind.Request
            ? new(OutcomeKind.MissingDeployment, doubt.Outcome.Exception, doubt.Outcome.Status, null, doubt.Outcome.Response)
            : doubt.Outcome;
        tracker.Suspect(doubt.Endpoint, doubt.Epoch, outcome, doubt.Cost, fingerprint());
    }

    private readonly record struct Doubt(Endpoint Endpoint, int Epoch, AttemptOutcome Outcome, TimeSpan Cost)
    {
        /// <summary>It comes quickly and costs nothing.</summary>
        public bool IsCheap => !Outcome.IsUnknown && (Outcome.IsOfConfiguration || Outcome.Status == 404);

        /// <summary>A second endpoint that says the same shows that it is the request's.</summary>
        public bool IsOfRequest => Outcome is { Kind: OutcomeKind.Request, Status: not 404 } || Outcome.IsUnreadable;
    }
}
