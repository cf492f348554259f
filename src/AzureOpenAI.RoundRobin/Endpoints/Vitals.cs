namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>The signs of life that an endpoint gives, and how long its last answers took.</summary>
/// <remarks>Written by every asynchronous call without a lock. A sign or a duration that is lost to a race changes no decision: many are needed for one.</remarks>
internal sealed class Vitals
{
    /// <summary>A median is that of so many answers.</summary>
    public const int Remembered = 20;

    private readonly double[] _seconds = new double[Remembered];
    private readonly double[] _perToken = new double[Remembered];
    private int _count;
    private long _signs;

    /// <summary>How many answers were timed; grows for ever.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Changes with every sign of life that is not an outcome.</summary>
    public long Signs => Volatile.Read(ref _signs);

    public void Sign() => Volatile.Write(ref _signs, _signs + 1);

    /// <param name="took">The whole answer.</param>
    /// <param name="outputTokens">Its length; 0 where it is not known.</param>
    public void Add(TimeSpan took, long outputTokens)
    {
        int index = (int)((uint)(Interlocked.Increment(ref _count) - 1) % Remembered);
        Volatile.Write(ref _seconds[index], took.TotalSeconds);
        Volatile.Write(ref _perToken[index], outputTokens > 0 ? took.TotalSeconds / outputTokens : double.NaN);
    }

    /// <summary>The medians of the last answers, in seconds: of the whole, and per output token (NaN where one is not known).</summary>
    public (double Whole, double PerToken) Medians(int last)
    {
        int count = Count;
        int taken = Math.Min(last, Math.Min(count, Remembered));
        Span<double> whole = stackalloc double[Remembered];
        Span<double> perToken = stackalloc double[Remembered];
        for (int i = 0; i < taken; i++)
        {
            int index = (int)((uint)(count - 1 - i) % Remembered);
            whole[i] = Volatile.Read(ref _seconds[index]);
            perToken[i] = Volatile.Read(ref _perToken[index]);
        }

        return (Median(whole[..taken]), Median(perToken[..taken]));
    }

    private static double Median(Span<double> values)
    {
        if (values.IsEmpty || values.ContainsAny([double.NaN]))
        {
            return double.NaN;
        }

        values.Sort();
        return values[values.Length / 2];
    }
}
