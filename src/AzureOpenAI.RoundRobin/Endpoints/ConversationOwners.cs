using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// The ready-made client that owns each conversation that a client keeps itself: no other client knows its id.
/// </summary>
/// <remarks>Safe for concurrent use. Only calls and answers that carry an id come here, so a plain lock is enough.</remarks>
internal sealed class ConversationOwners
{
    /// <summary>More conversations than are likely at one time; beyond, the least recently used one is forgotten.</summary>
    public const int Most = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, LinkedListNode<(string Id, IChatClient Maker)>> _byId = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Id, IChatClient Maker)> _latestLast = [];

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _byId.Count;
            }
        }
    }

    /// <summary>The client has answered with this id, so it owns the conversation from here on, also if another client used the same id before.</summary>
    public void Remember(string id, IChatClient maker)
    {
        lock (_lock)
        {
            if (!_byId.TryGetValue(id, out LinkedListNode<(string Id, IChatClient Maker)>? node))
            {
                if (_byId.Count == Most)
                {
                    _byId.Remove(_latestLast.First!.Value.Id);
                    _latestLast.RemoveFirst();
                }

                _byId.Add(id, _latestLast.AddLast((id, maker)));
                return;
            }

            node.Value = (id, maker);
            TouchUnsynchronized(node);
        }
    }

    /// <summary>The owner of the conversation, or null for an id that is not known.</summary>
    public IChatClient? Find(string id)
    {
        lock (_lock)
        {
            if (!_byId.TryGetValue(id, out LinkedListNode<(string Id, IChatClient Maker)>? node))
            {
                return null;
            }

            TouchUnsynchronized(node);
            return node.Value.Maker;
        }
    }

    private void TouchUnsynchronized(LinkedListNode<(string Id, IChatClient Maker)> node)
    {
        if (node != _latestLast.Last)
        {
            _latestLast.Remove(node);
            _latestLast.AddLast(node);
        }
    }
}
