namespace AzureOpenAI.Simulator;

/// <summary>
/// The changes of limits that are still to come, in order of time. Its owner applies those that are due before it reads its limits, so no timer is needed
/// and each change holds from its moment exactly. Not synchronized: its holder has the lock.
/// </summary>
internal sealed class LimitScript
{
    private readonly List<(long Due, LimitChange Change)> _changes = [];

    public void Add(long now, LimitChange change)
    {
        long due = change.After.Ticks < long.MaxValue - now ? now + change.After.Ticks : long.MaxValue;
        int place = _changes.FindIndex(other => other.Due > due);
        _changes.Insert(place < 0 ? _changes.Count : place, (due, change));
    }

    public bool TryTake(long now, out long due, out LimitChange change)
    {
        (due, change) = _changes.Count > 0 ? _changes[0] : (long.MaxValue, default);
        if (_changes.Count == 0 || due > now)
        {
            return false;
        }

        _changes.RemoveAt(0);
        return true;
    }
}
