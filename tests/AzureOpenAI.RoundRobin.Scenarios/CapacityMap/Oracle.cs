using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>
/// What could be had: it reads the limiters themselves, and sends each call in order of arrival where and when it will be admitted first; of several such endpoints to the one
/// that had the fewest calls for its rate, so that no bucket stays full. It refuses a call that would wait longer than our client lets one wait.
/// </summary>
internal sealed class Oracle
{
    private static readonly double MostWait = new RoundRobinOptions().MaxWait.TotalSeconds;

    private readonly OracleTime _time = new();
    private readonly PriorityQueue<(EndpointLimit Limit, MapCall Call, Admission Admission), long> _ends = new();
    private readonly EndpointLimit[] _limits;
    private readonly double[] _admitted;
    private readonly MapCall[] _calls;
    private readonly MapCell _cell;

    public Oracle(MapCell cell)
    {
        _cell = cell;
        _limits = cell.Limits(_time);
        _admitted = new double[_limits.Length];
        _calls = cell.Calls();
    }

    /// <returns>The calls, and what became of them.</returns>
    public MapCall[] Run() => _cell.Load.Workers == 0 ? RunOpen() : RunClosed();

    private MapCall[] RunOpen()
    {
        foreach (MapCall call in _calls)
        {
            Make(call);
        }

        return _calls;
    }

    /// <summary>Each worker makes its next call when its last has ended.</summary>
    private MapCall[] RunClosed()
    {
        PriorityQueue<int, double> free = new(Enumerable.Range(0, _cell.Load.Workers).Select(worker => (worker, 0d)));
        int made = 0;
        while (made < _calls.Length && free.TryDequeue(out int worker, out double due) && due < _cell.Seconds)
        {
            _calls[made].Due = due;
            Make(_calls[made]);
            free.Enqueue(worker, _calls[made++].Ended);
        }

        return _calls[..made];
    }

    private void Make(MapCall call)
    {
        _time.GoTo(TimeSpan.FromSeconds(call.Due).Ticks);
        if (TryAdmit(call, TimeSpan.FromSeconds(call.Due + MostWait).Ticks) is { } admitted)
        {
            (call.Attempts, call.Admitted, call.Answered, call.Ended) = (1, _time.Seconds, true, _time.Seconds + call.Own);
            _ends.Enqueue((admitted.Limit, call, admitted.Admission), TimeSpan.FromSeconds(call.Ended).Ticks);
        }
        else
        {
            call.Ended = call.Due;
        }
    }

    /// <summary>Goes to the time at which the first endpoint admits a call, and sends it there; null where that is too late.</summary>
    private (EndpointLimit Limit, Admission Admission)? TryAdmit(MapCall call, long latest)
    {
        while (true)
        {
            EndCalls();
            (int first, TimeSpan wait) = _limits.Select((limit, i) => (i, limit.UntilAdmitted(call))).MinBy(pair => (pair.Item2, _admitted[pair.i] / _cell.Rates[pair.i]));
            if (wait == TimeSpan.Zero)
            {
                _admitted[first]++;
                return (_limits[first], _limits[first].Admit(call));
            }

            long due = wait == TimeSpan.MaxValue ? long.MaxValue : _time.Now + wait.Ticks;
            due = _ends.TryPeek(out _, out long end) ? Math.Min(due, end) : due;
            if (due > latest)
            {
                return null;
            }

            _time.GoTo(due);
        }
    }

    private void EndCalls()
    {
        while (_ends.TryPeek(out _, out long end) && end <= _time.Now)
        {
            (EndpointLimit limit, MapCall call, Admission admission) = _ends.Dequeue();
            limit.Leave(call, admission);
        }
    }
}
