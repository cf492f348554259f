using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Outliers;

/// <summary>Finds lagging endpoints: those far slower than the others of their model, until they no longer are.</summary>
/// <remarks>Not safe for concurrent use; the balancer's lock guards it.</remarks>
internal sealed class LatencyOutliers(int endpoints)
{
    private const double TooSlow = 4;
    private const double ItselfAgain = 2;

    /// <summary>The number of last answers by which a lagging endpoint is judged: few, since it gets one turn in 32.</summary>
    private const int Probes = 5;

    /// <summary>A difference of medians below this, in seconds, is ignored: a busy machine causes it by itself.</summary>
    private const double Negligible = 0.02;

    /// <summary>The standard deviations by which its answers must rank behind the others'. Where half of all calls are long, medians alone differ by chance.</summary>
    private const double ClearlyBehind = 3.5;

    private readonly bool[] _slow = new bool[endpoints];
    private readonly int[] _suspectedAt = new int[endpoints];
    private readonly List<double> _medians = [];
    private readonly List<double> _mediansPerToken = [];
    private Sample[] _samples = [];

    /// <summary>Compares all endpoints.</summary>
    /// <param name="vitals">The response times of each endpoint, in order.</param>
    /// <returns>For each endpoint whether it is lagging.</returns>
    public IReadOnlyList<bool> Look(IReadOnlyList<ResponseTimes> vitals)
    {
        if (!MayMatter(vitals))
        {
            Array.Clear(_slow);
            Array.Clear(_suspectedAt);
            return _slow;
        }

        // Made for a model whose answers take any time: of many models most are hardly asked.
        _samples = _samples.Length == 0 ? [.. _slow.Select(static _ => new Sample())] : _samples;
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

    /// <summary>Whether any difference may be more than negligible: where all answers were quick, as from memory, nothing is sorted.</summary>
    private static bool MayMatter(IReadOnlyList<ResponseTimes> vitals)
    {
        for (int i = 0; i < vitals.Count; i++)
        {
            if (vitals[i].AnyTookLonger(Negligible))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A suspicion holds for 20 further answers before it counts: 20 answers can all be long by chance, but hardly 20 more.</summary>
    private bool IsConfirmed(int i, int count)
    {
        _suspectedAt[i] = _suspectedAt[i] == 0 ? count : _suspectedAt[i];
        return count - _suspectedAt[i] >= ResponseTimes.Remembered;
    }

    /// <summary>The rank-sum test: whether its answers take longer than the other endpoints' answers more often than chance explains.</summary>
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

    /// <summary>The lower median of the others' medians. Lagging endpoints are included: while they are the minority, the median is a healthy one's.</summary>
    private static double MiddleWithout(List<double> sorted, double value)
    {
        int own = sorted.BinarySearch(value);
        int count = own >= 0 ? sorted.Count - 1 : sorted.Count;
        int middle = (count - 1) / 2;
        return count <= 0 ? double.NaN : sorted[own >= 0 && middle >= own ? middle + 1 : middle];
    }

    /// <summary>The last answers of one endpoint; medians are NaN where there are fewer than 20, or their tokens are not known.</summary>
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
            // NaN is sorted to the front.
            return values.IsEmpty || double.IsNaN(values[0]) ? double.NaN : values[values.Length / 2];
        }
    }
}
