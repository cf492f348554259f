namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>What has come of one attempt's stream, and when. An object of its own for each, since an older request may still count in its own.</summary>
internal sealed class ReceivedBytes(TimeProvider time)
{
    private readonly TimeProvider _time = time;
    private long _lastAt = long.MinValue;

    /// <summary>How many bytes.</summary>
    public long Value { get; set; }

    /// <summary>When the last of it came. The timer of the attempt reads it, on a thread of its own.</summary>
    public long LastAt => Volatile.Read(ref _lastAt);

    /// <summary>So many bytes of the body have come, or none but the head.</summary>
    public void Came(int count)
    {
        Value += count;
        Volatile.Write(ref _lastAt, _time.GetTimestamp());
    }
}
