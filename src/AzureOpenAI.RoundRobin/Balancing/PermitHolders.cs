using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>The attempts that hold a permit of an endpoint that is not healthy and are not admitted yet, and when each counts as admitted.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class PermitHolders(TimeProvider time)
{
    private readonly List<Attempt> _attempts = [];

    public void Add(Attempt attempt) => _attempts.Add(attempt);

    public void Remove(Attempt attempt) => _attempts.Remove(attempt);

    public int Count => _attempts.Count;

    public Attempt this[int index] => _attempts[index];

    /// <summary>Whether the attempt counts as admitted by now.</summary>
    public bool IsDue(Attempt attempt, long now) => AdmittedAt(attempt) <= now;

    /// <summary>When the next of them counts as admitted; long.MaxValue if none will without an answer.</summary>
    public long NextAt()
    {
        long next = long.MaxValue;
        foreach (Attempt attempt in _attempts)
        {
            next = Math.Min(next, AdmittedAt(attempt));
        }

        return next;
    }

    /// <summary>An attempt without an outcome counts as admitted after the endpoint's rejection time, and after twice the time that its last failure took.</summary>
    private long AdmittedAt(Attempt attempt)
    {
        EndpointHealth health = attempt.Endpoint.Health;
        return health.NeedsAnswer
            ? long.MaxValue
            : time.After(attempt.StartedAt, Timestamps.Max(attempt.Endpoint.RejectionTime, 2 * health.LastFailureTook));
    }
}
