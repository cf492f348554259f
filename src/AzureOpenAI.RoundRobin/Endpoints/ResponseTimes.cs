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

    /// <summary>Room for the first of them: of many models most endpoints are hardly asked, and their memory would be the most of a pool's.</summary>
    private const int FirstNumbered = 16;

    /// <summary>A start is kept in units of 2^16 timestamps, 0.07 or 7 ms by the clock, so that it takes four bytes: it wraps after three days or more.</summary>
    private const int StartUnit = 16;

    private const long Never = -1;

    /// <summary>No call lasts while this many others begin. So an age above it means that the number has wrapped, as at an endpoint that was idle for long.</summary>
    private const uint LongestCall = 1 << 28;

    private Duration[] _durations = [];
    private Answer[] _latest = [];
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
        ref Answer answer = ref RoomFor(index)[index];
        Volatile.Write(ref answer.Number, number);
        Volatile.Write(ref answer.Took, took.Ticks);
        Volatile.Write(ref answer.Began, UnitOf(began));
        Progressed(number, began);
    }

    /// <summary>How many of the answered calls began since a time. No more than the last 256 are known, and none that completed synchronously.</summary>
    public int BeganSince(long from, long now)
    {
        Answer[] answers = Volatile.Read(ref _latest);
        (uint present, int began) = (UnitOf(now), 0);
        for (int i = Math.Min(Volatile.Read(ref _answers), answers.Length) - 1; i >= 0; i--)
        {
            began += present - Volatile.Read(ref answers[i].Began) <= present - UnitOf(from) ? 1 : 0;
        }

        return began;
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
        Answer[] answers = Volatile.Read(ref _latest);
        for (int i = Math.Min(Volatile.Read(ref _answers), answers.Length) - 1; i >= 0; i--)
        {
            if (latest - Volatile.Read(ref answers[i].Number) is var age && age < below)
            {
                ages.Add(age);
            }
        }
    }

    /// <summary>The durations of the last answers.</summary>
    public TimeSpan[] LastDurations()
    {
        Answer[] answers = Volatile.Read(ref _latest);
        TimeSpan[] took = new TimeSpan[Math.Min(Volatile.Read(ref _answers), answers.Length)];
        for (int i = 0; i < took.Length; i++)
        {
            took[i] = new TimeSpan(Volatile.Read(ref answers[i].Took));
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
            int before = Math.Min(count, Numbered - next);
            Answer[] answers = RoomFor(next + before - 1);
            answers.AsSpan(next, before).Fill(new() { Number = _lookedAt + 1 });
            answers.AsSpan(0, count - before).Fill(new() { Number = _lookedAt + 1 });
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
        Duration[] durations = Volatile.Read(ref _durations);
        if (durations.Length == 0)
        {
            durations = new Duration[Remembered];
            Volatile.Write(ref _durations, durations);
        }

        Volatile.Write(ref durations[index].Seconds, took.TotalSeconds);
        Volatile.Write(ref durations[index].PerToken, tokens > 0 ? took.TotalSeconds / tokens : double.NaN);
    }

    /// <summary>Whether any of the last 20 whole answers took longer than this, in seconds.</summary>
    public bool AnyTookLonger(double seconds)
    {
        Duration[] durations = Volatile.Read(ref _durations);
        for (int i = 0; i < durations.Length; i++)
        {
            if (Volatile.Read(ref durations[i].Seconds) > seconds)
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
        Duration[] durations = Volatile.Read(ref _durations);
        int taken = Math.Min(last, Math.Min(count, durations.Length));
        for (int i = 0; i < taken; i++)
        {
            int index = (int)((uint)(count - 1 - i) % Remembered);
            whole[i] = Volatile.Read(ref durations[index].Seconds);
            perToken[i] = Volatile.Read(ref durations[index].PerToken);
        }

        return taken;
    }

    private static uint UnitOf(long timestamp) => unchecked((uint)(timestamp >> StartUnit));

    /// <summary>Where two threads make room at once, or one writes while another does, a value may be lost.</summary>
    private Answer[] RoomFor(int index)
    {
        Answer[] room = Volatile.Read(ref _latest);
        while (index >= room.Length)
        {
            Answer[] more = new Answer[index < FirstNumbered ? FirstNumbered : Numbered];
            room.CopyTo(more, 0);
            Answer[] found = Interlocked.CompareExchange(ref _latest, more, room);
            room = found == room ? more : found;
        }

        return room;
    }

    private struct Answer
    {
        public long Took;
        public uint Number;
        public uint Began;
    }

    private struct Duration
    {
        public double Seconds;
        public double PerToken;
    }
}
