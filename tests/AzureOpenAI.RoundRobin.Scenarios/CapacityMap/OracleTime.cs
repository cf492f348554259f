namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>A clock that goes where it is told, and never back.</summary>
internal sealed class OracleTime : TimeProvider
{
    public long Now { get; private set; }

    public double Seconds => (double)Now / TimeSpan.TicksPerSecond;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Now;

    public void GoTo(long ticks) => Now = Math.Max(Now, ticks);
}
