namespace AzureOpenAI.Simulator;

/// <summary>
/// A fault in force on one resource.
/// </summary>
/// <remarks>Safe for concurrent use.</remarks>
public sealed class ScriptedFault
{
    private readonly FaultScript _script;
    private readonly TimeSpan _added;
    private int _applied;

    internal ScriptedFault(FaultScript script, Fault fault, TimeSpan added)
    {
        _script = script;
        _added = added;
        Fault = fault;
    }

    /// <summary>Gets the fault.</summary>
    public Fault Fault { get; }

    /// <summary>Gets how many requests the fault has been applied to.</summary>
    public int Applied => Volatile.Read(ref _applied);

    /// <summary>Removes the fault. Requests to which it was applied before stay under it; removing it again does nothing.</summary>
    public void Remove() => _script.Remove(this);

    internal bool IsSpent => Fault.Limit is { } limit && _applied >= limit;

    internal bool TryApply(FaultTarget target, TimeSpan now, SeededRandom random)
    {
        var age = now - _added;
        if (IsSpent || !Fault.Concerns(target) || age < Fault.Start || age >= Fault.End || !random.Happens(Fault.Probability))
        {
            return false;
        }

        _applied++;
        return true;
    }
}
