using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>The conversations that stateful clients keep: which of them has which, and which of them callers know.</summary>
internal sealed class ChaosConversations(ChaosRun run)
{
    /// <summary>Callers go on with one of so many that were heard of last.</summary>
    private const int Latest = 40;

    private readonly Dictionary<string, int> _makers = [];
    private readonly List<string> _seen = [];

    /// <summary>How many callers may have seen, each of which the pool may remember.</summary>
    public int Count => _makers.Count;

    /// <summary>An id for a client's answer: that of the conversation, or where each answer has its own a new one. None for a conversation that it does not know.</summary>
    public string? Keep(ChaosCall call, int endpoint)
    {
        if (!run.Plan.KeepsConversations || (call.Conversation is { } strange && !IsKept(strange, endpoint)))
        {
            return null;
        }

        if (call.Conversation is { } same && run.Plan.ConversationsLast)
        {
            return same;
        }

        string id = string.Create(CultureInfo.InvariantCulture, $"conv-{_makers.Count}");
        _makers.Add(id, endpoint);
        return id;
    }

    public bool IsKept(string id, int endpoint) => _makers[id] == endpoint;

    /// <summary>The caller has read an id in an answer.</summary>
    public void See(string? id)
    {
        if (id is not null && (_seen.Count == 0 || _seen[^1] != id))
        {
            _seen.Add(id);
        }
    }

    /// <summary>One to go on with, and the endpoint that keeps it if it is still in the configuration.</summary>
    public (string Id, int? Maker)? Draw()
    {
        if (_seen.Count == 0 || !run.Draw.Chance(0.4))
        {
            return null;
        }

        string id = _seen[Math.Max(0, _seen.Count - 1 - run.Draw.Below(Latest))];
        return (id, run.Endpoints[_makers[id]].IsMember ? _makers[id] : null);
    }
}
