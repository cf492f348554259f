namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>
/// Remembers a number for each of up to 16,384 keys, in 2,048 sets of 8 places; a full set replaces a key that was not looked up recently.
/// </summary>
/// <remarks>Any thread may call <see cref="Find"/>; one at a time may call <see cref="Put"/>. A place is one word, so a reader sees a whole entry or none.</remarks>
internal sealed class HomeTable
{
    private const int Sets = 2048;
    private const int Ways = 8;
    private const ulong Used = 1UL << 63;

    private readonly ulong[] _places = new ulong[Sets * Ways];
    private readonly byte[] _hands = new byte[Sets];

    /// <summary>The number of the key, or -1. The key is not 0, which marks an empty place.</summary>
    public int Find(uint key)
    {
        foreach (ref ulong place in SetOf(key))
        {
            ulong entry = Volatile.Read(ref place);
            if ((uint)entry == key)
            {
                if ((entry & Used) == 0)
                {
                    Interlocked.CompareExchange(ref place, entry | Used, entry);
                }

                return (int)((entry & ~Used) >> 32);
            }
        }

        return -1;
    }

    public void Put(uint key, int number)
    {
        Span<ulong> set = SetOf(key);
        Volatile.Write(ref set[PlaceFor(key, set)], ((ulong)number << 32) | key);
    }

    /// <summary>The same with other numbers.</summary>
    /// <param name="numbers">The new number for each old one; -1 removes its keys.</param>
    public HomeTable Renumbered(ReadOnlySpan<int> numbers)
    {
        HomeTable table = new();
        for (int i = 0; i < _places.Length; i++)
        {
            ulong entry = Volatile.Read(ref _places[i]);
            int number = entry == 0 ? -1 : numbers[(int)((entry & ~Used) >> 32)];
            table._places[i] = number < 0 ? 0 : (entry & Used) | ((ulong)number << 32) | (uint)entry;
        }

        return table;
    }

    private Span<ulong> SetOf(uint key) => _places.AsSpan((int)(key % Sets) * Ways, Ways);

    private int PlaceFor(uint key, Span<ulong> set)
    {
        for (int i = 0; i < Ways; i++)
        {
            if ((uint)Volatile.Read(ref set[i]) is var there && (there == key || there == 0))
            {
                return i;
            }
        }

        // Clock replacement: a key that was looked up since the hand last passed stays for another round.
        ref byte hand = ref _hands[key % Sets];
        while (true)
        {
            int place = hand++ % Ways;
            if ((Interlocked.And(ref set[place], ~Used) & Used) == 0)
            {
                return place;
            }
        }
    }
}
