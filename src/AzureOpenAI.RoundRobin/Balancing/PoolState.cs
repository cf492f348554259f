namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What the parts of the balancer share: the members of the pool, its epoch, and whether anything has changed since it was settled last.</summary>
/// <remarks>Written under the balancer's lock. <see cref="Members"/> and <see cref="Epoch"/> are also read without it: members are swapped whole, and an attempt of the epoch before is only judged as one that began a moment earlier.</remarks>
internal sealed class PoolState(PoolMembers members)
{
    private volatile PoolMembers _members = members;
    private int _epoch;

    public PoolMembers Members { get => _members; set => _members = value; }

    /// <summary>Counts ejections and new keys: an outcome of an attempt from before says nothing of what the endpoint is since.</summary>
    public int Epoch => Volatile.Read(ref _epoch);

    /// <summary>Something has changed that <see cref="Settlement"/> must take into account.</summary>
    public bool HasChanged { get; set; } = true;

    public int NextEpoch() => ++_epoch;

    /// <inheritdoc cref="PoolMembers.CallsBegun"/>
    public uint CallsBegun() => _members.CallsBegun();
}
