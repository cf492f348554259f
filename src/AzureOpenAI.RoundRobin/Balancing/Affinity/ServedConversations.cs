using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Balancing.Affinity;

/// <summary>Which endpoint answered the first turn of each conversation: later turns go there. It lasts as long as the pool, over changes of its configuration.</summary>
/// <remarks>Safe for concurrent use. An endpoint is added to the array before the table names its place, so a reader that finds the place finds the endpoint.</remarks>
internal sealed class ServedConversations
{
    private readonly HomeTable _table = new();
    private readonly Lock _lock = new();
    private volatile Endpoint[] _endpoints = [];

    /// <summary>The endpoint of the conversation; null for one that is not known, or not any more.</summary>
    public Endpoint? Find(uint key) => _table.Find(key) is >= 0 and int place ? _endpoints[place] : null;

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
