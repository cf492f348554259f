using System.Diagnostics;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What the parts of the balancer share: its lock, the pool's members, its epoch, and whether anything has changed since the last settlement.</summary>
/// <remarks>
/// Written under the balancer's lock. <see cref="Members"/> and <see cref="Epoch"/> are also read without it: members are swapped whole, and an attempt that reads the
/// epoch before is judged as one that began a moment earlier.
/// </remarks>
internal sealed class PoolState(PoolMembers members)
{
    private volatile PoolMembers _members = members;
    private int _epoch;

    /// <summary>The balancer's lock.</summary>
    public Lock Lock { get; } = new();

    public PoolMembers Members
    {
        get => _members;
        set
        {
            AssertLocked();
            // What pickers have counted that leave, or were read each time.
            _members.Calls.Collect();
            _members = value;
            Unsettled.Begin(value);
        }
    }

    /// <summary>Counts ejections and new keys: an outcome of an attempt from an earlier epoch says nothing of an endpoint's present state.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>Something has changed since the last <see cref="Settlement"/>.</summary>
    public bool HasChanged { get; set; } = true;

    /// <summary>What it looks at.</summary>
    public Unsettled Unsettled { get; } = new(members);

    /// <summary>The limits of the endpoint have changed, or the permits that it or its resource has left.</summary>
    public void Changed(Endpoint endpoint)
    {
        HasChanged = true;
        Unsettled.Changed(endpoint);
    }

    /// <summary>Applies the headers of the last answer.</summary>
    public void ApplyHints(Endpoint endpoint, long now)
    {
        AssertLocked();
        if (endpoint.Hints.Apply(now))
        {
            Changed(endpoint);
        }

        Unsettled.Heard(endpoint);
    }

    public int NextEpoch()
    {
        AssertLocked();
        return ++_epoch;
    }

    /// <summary>The caller must hold the balancer's lock.</summary>
    [Conditional("DEBUG")]
    public void AssertLocked() => Debug.Assert(Lock.IsHeldByCurrentThread, "The balancer's lock is needed.");

    /// <inheritdoc cref="PoolMembers.CallsBegun"/>
    public uint CallsBegun() => _members.CallsBegun();
}
