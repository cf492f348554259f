namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Tells which endpoints are far slower than the others of their group, and when they are themselves again.</summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class SlownessWatch(int endpoints)
{
    private const double TooSlow = 4;
    private const double ItselfAgain = 2;

    /// <summary>So few answers tell that a slow endpoint is itself again; it does not get many.</summary>
    private const int Probes = 5;

    /// <summary>Below this difference, in seconds, nobody minds, and a busy machine makes it by itself.</summary>
    private const double Negligible = 0.02;

    private readonly bool[] _slow = new bool[endpoints];
    private readonly int[] _suspectedAt = new int[endpoints];

    /// <summary>Looks at all of them now and then.</summary>
    /// <param name="vitals">Of each endpoint, in order.</param>
    /// <returns>Which of them are slow now.</returns>
    public bool[] Look(Vitals[] vitals)
    {
        (double Whole, double PerToken)[] medians = [.. vitals.Select((one, i) => one.Count < Vitals.Remembered ? (double.NaN, double.NaN) : one.Medians(_slow[i] ? Probes : Vitals.Remembered))];
        double[] whole = Sorted(medians.Select(median => median.Whole));
        double[] perToken = Sorted(medians.Select(median => median.PerToken));
        for (int i = 0; i < vitals.Length; i++)
        {
            // Slow ones count as well: while they are the fewer, the middle of the others is a healthy one.
            double otherWhole = MiddleWithout(whole, medians[i].Whole);
            double otherPerToken = MiddleWithout(perToken, medians[i].PerToken);
            double times = double.IsNaN(medians[i].PerToken) || double.IsNaN(otherPerToken)
                ? medians[i].Whole / otherWhole
                : medians[i].PerToken / otherPerToken;
            bool matters = medians[i].Whole - otherWhole > Negligible;
            _slow[i] = _slow[i] ? matters && times > ItselfAgain : matters && times > TooSlow && IsConfirmed(i, vitals[i].Count);
            _suspectedAt[i] = matters && times > TooSlow ? _suspectedAt[i] : 0;
        }

        return _slow;
    }

    /// <summary>Twenty answers can all be long ones by chance; twenty others after them cannot.</summary>
    private bool IsConfirmed(int i, int count)
    {
        _suspectedAt[i] = _suspectedAt[i] == 0 ? count : _suspectedAt[i];
        return count - _suspectedAt[i] >= Vitals.Remembered;
    }

    private static double[] Sorted(IEnumerable<double> values) => [.. values.Where(value => !double.IsNaN(value)).Order()];

    /// <summary>The lower middle of the values without one of them.</summary>
    private static double MiddleWithout(double[] sorted, double value)
    {
        int own = Array.BinarySearch(sorted, value);
        int count = own >= 0 ? sorted.Length - 1 : sorted.Length;
        if (count <= 0)
        {
            return double.NaN;
        }

        int middle = (count - 1) / 2;
        return sorted[own >= 0 && middle >= own ? middle + 1 : middle];
    }
}
