using System.Runtime.InteropServices;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Flags that overlap one number, so that one read shows that none is set. A byte for each and not a bit, since another thread may set one meanwhile.</summary>
[StructLayout(LayoutKind.Explicit)]
internal struct AttemptMarks
{
    [FieldOffset(0)]
    public long All;

    [FieldOffset(0)]
    public bool IsAnswered;

    [FieldOffset(1)]
    public bool HoldsDeploymentPermit;

    [FieldOffset(2)]
    public bool HoldsResourcePermit;

    [FieldOffset(3)]
    public bool IsAdmitted;

    [FieldOffset(4)]
    public bool IsCounted;

    [FieldOffset(5)]
    public bool IsSent;

    [FieldOffset(6)]
    public bool IsMovable;

    /// <summary>Something is noted outside of these flags.</summary>
    [FieldOffset(7)]
    public bool HasMore;
}
