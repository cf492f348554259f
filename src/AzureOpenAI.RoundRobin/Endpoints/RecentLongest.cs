namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The longest of the pool's last 128 answers; for a stream, the time to its first content.</summary>
/// <remarks>Every asynchronous call writes it, without a lock or an interlocked operation. A value lost to a race is one of 128.</remarks>
internal sealed class RecentLongest
{
    private const int Remembered = 128;

    private readonly long[] _ticks = new long[Remembered];
    private int _count;

    /// <returns>The number of answers noted so far; wraps.</returns>
    public int Add(TimeSpan took)
    {
        int count = Volatile.Read(ref _count) + 1;
        Volatile.Write(ref _count, count);
        Volatile.Write(ref _ticks[(uint)count % Remembered], took.Ticks);
        return count;
    }

    public TimeSpan Read()
    {
        long longest = 0;
        for (int i = 0; i < Remembered; i++)
        {
            longest = Math.Max(longest, Volatile.Read(ref _ticks[i]));
        }

        return TimeSpan.FromTicks(longest);
    }
}
