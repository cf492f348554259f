using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>
/// Remembers which ready-made client made a conversation that it keeps itself: nobody else knows what the id stands for. The one place that knows for how long.
/// </summary>
/// <remarks>Safe for concurrent use. Touched only by calls and answers that carry an id, so a plain lock will do.</remarks>
internal sealed class ConversationOwners
{
    /// <summary>More conversations than are likely to be under way at once; past them the one that was not heard of for longest is forgotten.</summary>
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

    /// <summary>The client has answered with this id, so it is the one that knows it; whoever used the same id before is not.</summary>
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

    /// <summary>Where the conversation must go on, or null for an id that was never seen or is forgotten.</summary>
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
