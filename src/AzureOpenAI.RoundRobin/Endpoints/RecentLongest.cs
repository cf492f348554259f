namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The longest of the pool's last 128 answers; for a stream, the time to its first content.</summary>
/// <remarks>Every asynchronous call writes it, without a lock or an interlocked operation. A value lost to a race is one of 128.</remarks>
internal sealed class RecentLongest
{
    public const int Remembered = 128;

    private readonly long[] _ticks = new long[Remembered];
    private int _count;
    private long _longest;

    /// <summary>The number of answers noted so far; wraps.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <returns>The number of answers noted so far, with this one; wraps.</returns>
    public int Add(TimeSpan took)
    {
        int count = Volatile.Read(ref _count) + 1;
        Volatile.Write(ref _count, count);
        int index = (int)((uint)count % Remembered);
        long before = Volatile.Read(ref _ticks[index]);
        Volatile.Write(ref _ticks[index], took.Ticks);
        long longest = Volatile.Read(ref _longest);
        if (index == 0 || (before >= longest && took.Ticks < longest))
        {
            // Once a round in any case: a thread that was held up for a whole round writes what is no longer there.
            Volatile.Write(ref _longest, _ticks.Max());
        }
        else if (took.Ticks >= longest)
        {
            Volatile.Write(ref _longest, took.Ticks);
        }

        return count;
    }

    public TimeSpan Read() => TimeSpan.FromTicks(Volatile.Read(ref _longest));
}
