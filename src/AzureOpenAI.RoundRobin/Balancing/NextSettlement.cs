namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>When the pool settles next because something is due. One for all pickers, so that none is told.</summary>
internal sealed class NextSettlement
{
    private long _at = long.MinValue;

    /// <summary>Written under the balancer's lock, and read by each call without it; long.MaxValue while nothing is due.</summary>
    public long At
    {
        get => Volatile.Read(ref _at);
        set => Volatile.Write(ref _at, value);
    }
}
