using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>Which endpoint answered the first turn of each conversation: later turns go there. It lasts as long as the pool, over changes of its configuration; endpoints that leave are forgotten.</summary>
/// <remarks>Safe for concurrent use. An endpoint is added to the array before the table names its place, so a reader that finds the place finds the endpoint.</remarks>
internal sealed class ServedConversations
{
    private readonly HomeTable _table = new();
    private readonly Lock _lock = new();
    private volatile Endpoint?[] _endpoints = [];

    /// <summary>The endpoint of the conversation; null for one that is not known, or not any more.</summary>
    public Endpoint? Find(uint key) => _table.Find(key) is >= 0 and int place ? _endpoints[place] : null;

    /// <summary>Forgets the endpoints that have left the configuration. Their places stay empty: a conversation that was there would go to whichever endpoint took them.</summary>
    /// <param name="present">Those of the present configuration.</param>
    public void Keep(Endpoint[] present)
    {
        lock (_lock)
        {
            _endpoints = Array.ConvertAll(_endpoints, endpoint => endpoint is not null && present.Contains(endpoint) ? endpoint : null);
        }
    }

    public void Remember(uint key, Endpoint endpoint)
    {
        lock (_lock)
        {
            int place = Array.IndexOf(_endpoints, endpoint);
            if (place < 0)
            {
                place = _endpoints.Length;
                _endpoints = [.. _endpoints, endpoint];
            }

            _table.Put(key, place);
        }
    }
}
