namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The calls that an endpoint has answered recently, and how long they took. For a stream the first content counts as its answer.</summary>
/// <remarks>
/// Every asynchronous call writes it without a lock. A value lost to a race changes no decision, since each decision needs many. A call's number is the number of calls that
/// the pool had begun when it was counted; it wraps, so it is only used as an age: the number of calls begun since.
/// </remarks>
internal sealed class ResponseTimes
{
    /// <summary>The number of answers that a median is taken of.</summary>
    public const int Remembered = 20;

    /// <summary>The number of answered calls whose numbers are kept: enough for a stall of three waiting calls to be found in a pool of two.</summary>
    private const int Numbered = 256;

    private const long Never = -1;

    /// <summary>No call lasts while this many others begin. So an age above it means that the number has wrapped, as at an endpoint that was idle for long.</summary>
    private const uint LongestCall = 1 << 28;

    private readonly double[] _seconds = new double[Remembered];
    private readonly double[] _perToken = new double[Remembered];
    private readonly uint[] _numbers = new uint[Numbered];
    private readonly long[] _took = new long[Numbered];
    private int _count;
    private int _answers;
    private int _unfinished;
    private long _youngest = Never;
    private long _youngestBegan = long.MinValue;
    private long _atOnce;
    private uint _lookedAt;

    /// <summary>The number of answers that were timed, from the start.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The number of calls that it has answered, as far as they are noted here; wraps.</summary>
    public int Answers => Volatile.Read(ref _answers);

    /// <summary>The call with this number made progress: an answer, or a failure that the endpoint itself reported.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="began">When it began; long.MinValue where that is not known.</param>
    public void Progressed(uint number, long began = long.MinValue)
    {
        long youngest = Volatile.Read(ref _youngest);
        if (youngest == Never || (uint)youngest - number > LongestCall)
        {
            Volatile.Write(ref _youngest, number);
            Volatile.Write(ref _youngestBegan, began);
        }
    }

    /// <summary>The call with this number was answered.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="took">The time that it took.</param>
    /// <param name="began"><inheritdoc cref="Progressed" path="/param[@name='began']"/></param>
    public void Answered(uint number, TimeSpan took, long began = long.MinValue)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _answers) - 1) % Numbered);
        Volatile.Write(ref _numbers[index], number);
        Volatile.Write(ref _took[index], took.Ticks);
        Progressed(number, began);
    }

    /// <summary>When the youngest call began that made progress; long.MinValue where that is not known.</summary>
    public long ProgressBegan => Volatile.Read(ref _youngestBegan);

    /// <summary>The age of the youngest call that made progress.</summary>
    /// <param name="latest">The number of the latest call.</param>
    /// <returns>0 also for a call that began after the latest was read.</returns>
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

    /// <summary>The durations of the last answers.</summary>
    public TimeSpan[] LastDurations()
    {
        TimeSpan[] took = new TimeSpan[Math.Min(Volatile.Read(ref _answers), Numbered)];
        for (int i = 0; i < took.Length; i++)
        {
            took[i] = new TimeSpan(Volatile.Read(ref _took[i]));
        }

        return took;
    }

    /// <summary>The caller left a stream before its end.</summary>
    public void Unfinished() => Interlocked.Increment(ref _unfinished);

    /// <summary>
    /// Adds the answers that completed synchronously since the last call of this method. They are not timed, so all get the number after that call's latest. Under the
    /// balancer's lock.
    /// </summary>
    /// <param name="answered">The number of calls that it has answered in all.</param>
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

    /// <summary>Notes the duration of a whole answer.</summary>
    /// <param name="took">The duration.</param>
    /// <param name="tokens">The tokens by which it is divided; 0 where they are not known.</param>
    public void Add(TimeSpan took, long tokens)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _count) - 1) % Remembered);
        Volatile.Write(ref _seconds[index], took.TotalSeconds);
        Volatile.Write(ref _perToken[index], tokens > 0 ? took.TotalSeconds / tokens : double.NaN);
    }

    /// <summary>Whether any of the last 20 whole answers took longer than this, in seconds.</summary>
    public bool AnyTookLonger(double seconds)
    {
        for (int i = 0; i < Remembered; i++)
        {
            if (Volatile.Read(ref _seconds[i]) > seconds)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Copies the durations of the last answers, in seconds: the whole, and per token (NaN where that is not known).</summary>
    /// <returns>The number of answers copied.</returns>
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
