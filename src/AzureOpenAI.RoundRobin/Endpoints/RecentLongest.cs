namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The longest of the pool's last answers; of a stream, the time to its first content. What takes twice as long and has no sign of life is stuck.</summary>
/// <remarks>Written without a lock by every asynchronous call, read seldom.</remarks>
internal sealed class RecentLongest
{
    private const int Remembered = 128;

    private readonly long[] _ticks = new long[Remembered];
    private int _count;

    public void Add(TimeSpan took)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _count) - 1) % Remembered);
        Volatile.Write(ref _ticks[index], took.Ticks);
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
