namespace AzureOpenAI.RoundRobin.Redis.Facts;

/// <summary>The latest that the pools of this process have told of each id: what the server has not taken yet is pending, and what it has lost is told again.</summary>
/// <remarks>Not safe for concurrent use.</remarks>
internal sealed class ToldFacts(TimeProvider time)
{
    private const int Most = 512;

    /// <summary>Nothing holds for longer, and what is older helps nobody.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    /// <summary>What ends sooner is not worth telling again.</summary>
    private static readonly TimeSpan ShortestAgain = TimeSpan.FromSeconds(5);

    private readonly Dictionary<EndpointId, Told> _told = [];

    public void Add(in PoolFact fact)
    {
        if (_told.ContainsKey(fact.Id) || HasRoom())
        {
            TimeSpan holds = fact.Kind == PoolFactKind.Ejected && fact.For < Longest ? fact.For : Longest;
            _told[fact.Id] = new(fact, time.GetTimestamp() + (long)(holds.TotalSeconds * time.TimestampFrequency));
        }
    }

    /// <summary>What the server has not taken yet, with the time that is left of it.</summary>
    public PoolFact[] Pending()
    {
        Forget();
        return [.. _told.Values.Where(static told => told.IsPending).Select(told => told.Fact with { For = LeftOf(told) })];
    }

    /// <summary>The server has answered, whether or not it knew better.</summary>
    public void Taken(in PoolFact fact)
    {
        if (!_told.TryGetValue(fact.Id, out Told? told) || (told.Fact.Kind, told.Fact.Generation, told.Fact.Source) != (fact.Kind, fact.Generation, fact.Source))
        {
            return;
        }

        told.IsPending = false;
        if (fact.Kind == PoolFactKind.Recovered)
        {
            _told.Remove(fact.Id);
        }
    }

    /// <summary>Compares with all that the server holds. What it has lost, as after it was emptied, is pending again; what others have seen recover in the meantime is dropped.</summary>
    public void Compare(IReadOnlyDictionary<EndpointId, FactRecord> held)
    {
        Forget();
        foreach ((EndpointId id, Told told) in _told.ToArray())
        {
            if (!held.TryGetValue(id, out FactRecord record))
            {
                told.IsPending |= LeftOf(told) > ShortestAgain;
            }
            else if (record.Source != told.Fact.Source && record.Kind == PoolFactKind.Recovered && told.Fact.Kind == PoolFactKind.Ejected)
            {
                _told.Remove(id);
            }
        }
    }

    private bool HasRoom()
    {
        if (_told.Count >= Most)
        {
            Forget();
        }

        return _told.Count < Most;
    }

    private void Forget()
    {
        foreach (EndpointId id in _told.Where(known => LeftOf(known.Value) <= TimeSpan.Zero).Select(static known => known.Key).ToArray())
        {
            _told.Remove(id);
        }
    }

    private TimeSpan LeftOf(Told told) => time.GetElapsedTime(time.GetTimestamp(), told.Until);

    private sealed class Told(PoolFact fact, long until)
    {
        public PoolFact Fact { get; } = fact;

        public long Until { get; } = until;

        public bool IsPending { get; set; } = true;
    }
}
