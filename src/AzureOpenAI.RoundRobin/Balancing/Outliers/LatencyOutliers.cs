using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>Tells which endpoints are far slower than the others of their group, and when they are themselves again.</summary>
/// <remarks>Not safe for concurrent use; the dispatcher's lock guards it.</remarks>
internal sealed class LatencyOutliers(int endpoints)
{
    private const double TooSlow = 4;
    private const double ItselfAgain = 2;

    /// <summary>So few answers tell that a slow endpoint is itself again; it does not get many.</summary>
    private const int Probes = 5;

    /// <summary>Below this difference, in seconds, nobody minds, and a busy machine makes it by itself.</summary>
    private const double Negligible = 0.02;

    /// <summary>By so many standard deviations must its answers rank behind the others'. Where half of all calls are long, the median alone is a toss.</summary>
    private const double ClearlyBehind = 3.5;

    private readonly bool[] _slow = new bool[endpoints];
    private readonly int[] _suspectedAt = new int[endpoints];
    private readonly Sample[] _samples = [.. Enumerable.Range(0, endpoints).Select(_ => new Sample())];
    private readonly List<double> _medians = new(endpoints);
    private readonly List<double> _mediansPerToken = new(endpoints);

    /// <summary>Looks at all of them now and then.</summary>
    /// <param name="vitals">Of each endpoint, in order.</param>
    /// <returns>Which of them are slow now.</returns>
    public IReadOnlyList<bool> Look(IReadOnlyList<ResponseTimes> vitals)
    {
        for (int i = 0; i < _samples.Length; i++)
        {
            _samples[i].Take(vitals[i], _slow[i] ? Probes : ResponseTimes.Remembered);
        }

        SortMedians(_medians, perToken: false);
        SortMedians(_mediansPerToken, perToken: true);
        for (int i = 0; i < _samples.Length; i++)
        {
            double others = MiddleWithout(_medians, _samples[i].Median);
            double othersPerToken = MiddleWithout(_mediansPerToken, _samples[i].MedianPerToken);
            bool perToken = !double.IsNaN(_samples[i].MedianPerToken) && !double.IsNaN(othersPerToken);
            double times = perToken ? _samples[i].MedianPerToken / othersPerToken : _samples[i].Median / others;
            bool matters = _samples[i].Median - others > Negligible;
            bool suspect = matters && times > TooSlow && (_slow[i] || IsClearlyBehind(i, perToken));
            _slow[i] = _slow[i] ? matters && times > ItselfAgain : suspect && IsConfirmed(i, vitals[i].Count);
            _suspectedAt[i] = suspect ? _suspectedAt[i] : 0;
        }

        return _slow;
    }

    /// <summary>Twenty answers can all be long ones by chance; twenty others after them cannot.</summary>
    private bool IsConfirmed(int i, int count)
    {
        _suspectedAt[i] = _suspectedAt[i] == 0 ? count : _suspectedAt[i];
        return count - _suspectedAt[i] >= ResponseTimes.Remembered;
    }

    /// <summary>The rank-sum test: how often one of its answers took longer than one of another endpoint, against what chance makes of equals.</summary>
    private bool IsClearlyBehind(int i, bool perToken)
    {
        ReadOnlySpan<double> own = _samples[i].Values(perToken);
        double longer = 0;
        int compared = 0;
        for (int other = 0; other < _samples.Length; other++)
        {
            if (other == i || _slow[other] || double.IsNaN(_samples[other].MedianOf(perToken)))
            {
                continue;
            }

            foreach (double theirs in _samples[other].Values(perToken))
            {
                compared++;
                foreach (double value in own)
                {
                    longer += value > theirs ? 1 : value == theirs ? 0.5 : 0;
                }
            }
        }

        double pairs = (double)own.Length * compared;
        return (longer / pairs) - 0.5 > ClearlyBehind * Math.Sqrt((own.Length + compared + 1) / (12 * pairs));
    }

    private void SortMedians(List<double> medians, bool perToken)
    {
        medians.Clear();
        foreach (Sample sample in _samples)
        {
            if (sample.MedianOf(perToken) is var median && !double.IsNaN(median))
            {
                medians.Add(median);
            }
        }

        medians.Sort();
    }

    /// <summary>The lower middle of the others' medians. Slow ones count as well: while they are the fewer, the middle is a healthy one.</summary>
    private static double MiddleWithout(List<double> sorted, double value)
    {
        int own = sorted.BinarySearch(value);
        int count = own >= 0 ? sorted.Count - 1 : sorted.Count;
        int middle = (count - 1) / 2;
        return count <= 0 ? double.NaN : sorted[own >= 0 && middle >= own ? middle + 1 : middle];
    }

    /// <summary>The last answers of one endpoint; medians are NaN where it has not given enough, or not told their length.</summary>
    private sealed class Sample
    {
        private readonly double[] _whole = new double[ResponseTimes.Remembered];
        private readonly double[] _perToken = new double[ResponseTimes.Remembered];
        private int _count;

        public double Median { get; private set; }

        public double MedianPerToken { get; private set; }

        public double MedianOf(bool perToken) => perToken ? MedianPerToken : Median;

        public ReadOnlySpan<double> Values(bool perToken) => (perToken ? _perToken : _whole).AsSpan(0, _count);

        public void Take(ResponseTimes vitals, int last)
        {
            _count = vitals.Count < ResponseTimes.Remembered ? 0 : vitals.Take(last, _whole, _perToken);
            Median = MiddleOf(_whole.AsSpan(0, _count));
            MedianPerToken = MiddleOf(_perToken.AsSpan(0, _count));
        }

        private static double MiddleOf(Span<double> values)
        {
            values.Sort();
            // Where one is not known, it is sorted to the front.
            return values.IsEmpty || double.IsNaN(values[0]) ? double.NaN : values[values.Length / 2];
        }
    }
}
