namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>
/// The number of calls that a pool has begun. Each picker counts its own, so that calls of two models share no cache line. A few pickers are read each time; of many only those
/// that have begun a call since the last time: they are in a list.
/// </summary>
/// <remarks>
/// <code>
///   T1 begins a call:  counts it at its picker, full fence;  reads whether the picker is in the list
///   T2 collects:       takes the picker out of the list;  full fence;  reads its count
/// </code>
/// Either T2 reads T1's call, or T1 sees that the picker is out of the list, and puts it there.
/// </remarks>
internal sealed class CallCount
{
    /// <summary>So many pickers are read each time: the list would cost each asynchronous call more.</summary>
    private const int Few = 8;

    private Picker? _listed;
    private uint _collected;

    /// <param name="pickers">All that the pool has.</param>
    public uint Of(Picker[] pickers)
    {
        uint uncollected = 0;
        if (pickers.Length > Few)
        {
            Collect();
        }
        else
        {
            foreach (Picker picker in pickers)
            {
                Visits.Add();
                uncollected = unchecked(uncollected + picker.Uncollected);
            }
        }

        return unchecked(Volatile.Read(ref _collected) + uncollected);
    }

    /// <summary>The picker has begun a call, and is in no list.</summary>
    public void List(Picker picker)
    {
        Picker? first;
        do
        {
            first = Volatile.Read(ref _listed);
            picker.NextListed = first;
        }
        while (Interlocked.CompareExchange(ref _listed, picker, first) != first);
    }

    /// <summary>Takes the counts of the pickers in the list, and empties it.</summary>
    public void Collect()
    {
        Picker? picker = Volatile.Read(ref _listed) is null ? null : Interlocked.Exchange(ref _listed, null);
        while (picker is not null)
        {
            Visits.Add();
            // Read before the picker is out of the list: then another thread may put it into the next one.
            Picker? next = picker.NextListed;
            picker.NextListed = null;
            Interlocked.Add(ref _collected, picker.Collect());
            picker = next;
        }
    }
}
