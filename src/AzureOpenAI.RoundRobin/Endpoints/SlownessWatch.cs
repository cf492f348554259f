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
    private readonly (double Whole, double PerToken)[] _medians = new (double, double)[endpoints];
    private readonly List<double> _whole = new(endpoints);
    private readonly List<double> _perToken = new(endpoints);

    /// <summary>Looks at all of them now and then.</summary>
    /// <param name="vitals">Of each endpoint, in order.</param>
    /// <returns>Which of them are slow now.</returns>
    public bool[] Look(Vitals[] vitals)
    {
        for (int i = 0; i < vitals.Length; i++)
        {
            _medians[i] = vitals[i].Count < Vitals.Remembered ? (double.NaN, double.NaN) : vitals[i].Medians(_slow[i] ? Probes : Vitals.Remembered);
        }

        Sort(_whole, perToken: false);
        Sort(_perToken, perToken: true);
        for (int i = 0; i < vitals.Length; i++)
        {
            // Slow ones count as well: while they are the fewer, the middle of the others is a healthy one.
            double otherWhole = MiddleWithout(_whole, _medians[i].Whole);
            double otherPerToken = MiddleWithout(_perToken, _medians[i].PerToken);
            double times = double.IsNaN(_medians[i].PerToken) || double.IsNaN(otherPerToken)
                ? _medians[i].Whole / otherWhole
                : _medians[i].PerToken / otherPerToken;
            bool matters = _medians[i].Whole - otherWhole > Negligible;
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

    private void Sort(List<double> values, bool perToken)
    {
        values.Clear();
        foreach ((double whole, double each) in _medians)
        {
            if ((perToken ? each : whole) is var value && !double.IsNaN(value))
            {
                values.Add(value);
            }
        }

        values.Sort();
    }

    /// <summary>The lower middle of the values without one of them.</summary>
    private static double MiddleWithout(List<double> sorted, double value)
    {
        int own = sorted.BinarySearch(value);
        int count = own >= 0 ? sorted.Count - 1 : sorted.Count;
        if (count <= 0)
        {
            return double.NaN;
        }

        int middle = (count - 1) / 2;
        return sorted[own >= 0 && middle >= own ? middle + 1 : middle];
    }
}
