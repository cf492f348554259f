namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Which calls an endpoint has answered lately, and how long its answers took. Of a stream the first content is what is meant by an answer here.</summary>
/// <remarks>
/// Written by every asynchronous call without a lock. A sign or a duration that is lost to a race changes no decision: many are needed for one. A call is named
/// by how many the pool had begun when it was counted; the number wraps, so it is only ever used as an age, the number of calls begun since.
/// </remarks>
internal sealed class ResponseTimes
{
    /// <summary>A median is that of so many answers.</summary>
    public const int Remembered = 20;

    /// <summary>So many calls that were answered are remembered by their numbers: enough for three calls that wait to be past belief in a pool of two.</summary>
    private const int Numbered = 256;

    private const long Never = -1;

    /// <summary>No call lasts while so many others begin, so what seems older by more is younger, whatever the numbers have done since: an endpoint may have been idle for long.</summary>
    private const uint LongestCall = 1 << 28;

    private readonly double[] _seconds = new double[Remembered];
    private readonly double[] _perToken = new double[Remembered];
    private readonly uint[] _numbers = new uint[Numbered];
    private readonly long[] _took = new long[Numbered];
    private int _count;
    private int _answers;
    private int _unfinished;
    private long _youngest = Never;
    private long _atOnce;
    private uint _lookedAt;

    /// <summary>How many answers were timed; grows for ever.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The call with this number had a sign of life: an answer, or a failure that the endpoint took part in.</summary>
    public void Progressed(uint number)
    {
        long youngest = Volatile.Read(ref _youngest);
        if (youngest == Never || (uint)youngest - number > LongestCall)
        {
            Volatile.Write(ref _youngest, number);
        }
    }

    /// <summary>It was answered.</summary>
    public void Answered(uint number, TimeSpan took)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _answers) - 1) % Numbered);
        Volatile.Write(ref _numbers[index], number);
        Volatile.Write(ref _took[index], took.Ticks);
        Progressed(number);
    }

    /// <summary>The age of the youngest call that had a sign of life.</summary>
    /// <param name="latest">The number of the latest call.</param>
    /// <returns>0 also for one that is younger than the latest: it has begun since that was read.</returns>
    public uint ProgressAge(uint latest) => Volatile.Read(ref _youngest) is var youngest && youngest == Never ? uint.MaxValue
        : latest - (uint)youngest is var age && age > uint.MaxValue - LongestCall ? 0
        : age;

    /// <summary>Adds the ages of the answered calls that are younger than the given age.</summary>
    public void AddAges(uint latest, uint below, List<uint> ages)
    {
        for (int i = Math.Min(Volatile.Read(ref _answers), Numbered) - 1; i >= 0; i--)
        {
            if (latest - Volatile.Read(ref _numbers[i]) is var age && age < below)
            {
                ages.Add(age);
            }
        }
    }

    /// <summary>How long the last answers took.</summary>
    public TimeSpan[] LastDurations()
    {
        TimeSpan[] took = new TimeSpan[Math.Min(Volatile.Read(ref _answers), Numbered)];
        for (int i = 0; i < took.Length; i++)
        {
            took[i] = new TimeSpan(Volatile.Read(ref _took[i]));
        }

        return took;
    }

    /// <summary>A stream was let go of by its caller before its end.</summary>
    public void Unfinished() => Interlocked.Increment(ref _unfinished);

    /// <summary>
    /// Accounts for the answers that were there at once, which nobody timed: all that is known of them is that they came since the last look.
    /// Under the dispatcher's lock.
    /// </summary>
    /// <param name="answered">How many calls it has answered in all.</param>
    /// <param name="latest">The number of the latest call.</param>
    public void CountSynchronous(long answered, uint latest)
    {
        long atOnce = answered - Count - Volatile.Read(ref _unfinished);
        if (atOnce > _atOnce)
        {
            int count = (int)Math.Min(atOnce - _atOnce, Numbered);
            int next = (int)((uint)(Interlocked.Add(ref _answers, count) - count) % Numbered);
            Fill(_numbers, next, count, _lookedAt + 1);
            Fill(_took, next, count, TimeSpan.Zero.Ticks);
            Progressed(_lookedAt + 1);
        }

        _atOnce = Math.Max(_atOnce, atOnce);
        _lookedAt = latest;
    }

    /// <param name="took">The whole answer.</param>
    /// <param name="tokens">What its time grows with; 0 where it is not known.</param>
    public void Add(TimeSpan took, long tokens)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _count) - 1) % Remembered);
        Volatile.Write(ref _seconds[index], took.TotalSeconds);
        Volatile.Write(ref _perToken[index], tokens > 0 ? took.TotalSeconds / tokens : double.NaN);
    }

    /// <summary>How long the last answers took, in seconds: the whole, and per token (NaN where that is not known).</summary>
    /// <returns>How many were taken.</returns>
    public int Take(int last, Span<double> whole, Span<double> perToken)
    {
        int count = Count;
        int taken = Math.Min(last, Math.Min(count, Remembered));
        for (int i = 0; i < taken; i++)
        {
            int index = (int)((uint)(count - 1 - i) % Remembered);
            whole[i] = Volatile.Read(ref _seconds[index]);
            perToken[i] = Volatile.Read(ref _perToken[index]);
        }

        return taken;
    }

    private static void Fill<T>(T[] ring, int from, int count, T value)
    {
        int before = Math.Min(count, ring.Length - from);
        ring.AsSpan(from, before).Fill(value);
        ring.AsSpan(0, count - before).Fill(value);
    }
}
