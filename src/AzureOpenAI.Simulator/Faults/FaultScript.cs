namespace AzureOpenAI.Simulator;

/// <summary>
/// The faults in force on one resource, in the order in which they were added: the first that fits a request is applied.
/// </summary>
/// <remarks>Safe for concurrent use. A request meets at most one delay, one fault before the answer and one in the answer.</remarks>
public sealed class FaultScript
{
    private readonly Lock _lock = new();
    private readonly List<ScriptedFault> _faults = [];
    private readonly SimulatorClock _clock;
    private readonly SeededRandom _random;
    private volatile int _count;

    internal FaultScript(SimulatorClock clock, SeededRandom random)
    {
        _clock = clock;
        _random = random;
    }

    /// <summary>Gets the number of faults in force; those whose count is used up are not in force.</summary>
    public int Count => _count;

    /// <summary>Puts a fault in force after those that are.</summary>
    /// <param name="fault">The fault. Its time window counts from now.</param>
    /// <returns>The fault in force, which can be removed.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="fault"/> is <see langword="null"/>.</exception>
    public ScriptedFault Add(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);

        var scripted = new ScriptedFault(this, fault, _clock.Elapsed);
        lock (_lock)
        {
            _faults.Add(scripted);
            _count = _faults.Count;
        }

        return scripted;
    }

    /// <summary>Removes all faults. Requests to which one was applied before stay under it.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _faults.Clear();
            _count = 0;
        }
    }

    internal void Remove(ScriptedFault fault)
    {
        lock (_lock)
        {
            _faults.Remove(fault);
            _count = _faults.Count;
        }
    }

    /// <summary>The delay to apply to a request on arrival, if any.</summary>
    internal Fault? PickDelay(FaultTarget target) => Pick(target, fault => fault.Kind == FaultKind.Delay);

    /// <summary>The fault that takes the place of the answer, if any.</summary>
    internal Fault? PickOnArrival(FaultTarget target) => Pick(target, fault => fault.IsOnArrival && fault.Kind != FaultKind.Delay);

    /// <summary>The fault that spoils the answer, if any.</summary>
    internal Fault? PickInAnswer(FaultTarget target) => Pick(target, fault => !fault.IsOnArrival);

    private Fault? Pick(FaultTarget target, Func<Fault, bool> stage)
    {
        if (_count == 0)
        {
            return null;
        }

        var now = _clock.Elapsed;
        lock (_lock)
        {
            for (int i = 0; i < _faults.Count; i++)
            {
                var scripted = _faults[i];
                if (!stage(scripted.Fault) || !scripted.TryApply(target, now, _random))
                {
                    continue;
                }

                if (scripted.IsSpent)
                {
                    _faults.RemoveAt(i);
                    _count = _faults.Count;
                }

                return scripted.Fault;
            }
        }

        return null;
    }
}
