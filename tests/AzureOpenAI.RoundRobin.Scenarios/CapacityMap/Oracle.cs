using AzureOpenAI.Simulator;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>
/// What could be had: it reads the limiters themselves, and sends each call in order of arrival where and when it will be admitted. It refuses a call that would wait longer
/// than our client lets one wait.
/// </summary>
internal sealed class Oracle
{
    private static readonly double MostWait = new RoundRobinOptions().MaxWait.TotalSeconds;

    private readonly OracleTime _time = new();
    private readonly PriorityQueue<(Limiter Limiter, Admission Admission), long> _ends = new();
    private readonly Limiter[] _limiters;
    private readonly MapCall[] _calls;

    public Oracle(MapCell cell)
    {
        SimulatorClock clock = new(_time);
        _limiters = [.. cell.Rules.Select(rules => new Limiter(rules, [], clock))];
        _calls = cell.Calls();
    }

    /// <returns>The calls, and what became of them.</returns>
    public MapCall[] Run()
    {
        foreach (MapCall call in _calls)
        {
            _time.GoTo(TimeSpan.FromSeconds(call.Due).Ticks);
            if (TryAdmit(TimeSpan.FromSeconds(call.Due + MostWait).Ticks) is { } admitted)
            {
                (call.Attempts, call.Admitted, call.Answered, call.Ended) = (1, _time.Seconds, true, _time.Seconds + call.Own);
                _ends.Enqueue(admitted, TimeSpan.FromSeconds(call.Ended).Ticks);
            }
            else
            {
                call.Ended = call.Due;
            }
        }

        return _calls;
    }

    /// <summary>Goes to the time at which the first endpoint admits a call, and sends it there; null where that is too late.</summary>
    private (Limiter, Admission)? TryAdmit(long latest)
    {
        while (true)
        {
            EndCalls();
            (Limiter first, TimeSpan wait) = _limiters.Select(limiter => (limiter, limiter.UntilAdmitted(0))).MinBy(pair => pair.Item2);
            if (wait == TimeSpan.Zero)
            {
                return (first, first.Admit(0));
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
            (Limiter limiter, Admission admission) = _ends.Dequeue();
            limiter.Leave(admission, 0, 0);
        }
    }
}
