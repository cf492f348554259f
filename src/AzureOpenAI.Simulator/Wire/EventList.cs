using System.Buffers;

namespace AzureOpenAI.Simulator;

/// <summary>The payloads of a stream's events, in one buffer.</summary>
internal sealed class EventList
{
    private readonly ArrayBufferWriter<byte> _payloads = new(4096);
    private readonly List<(int End, bool IsContent, string? Name)> _events = [];

    public int Count => _events.Count;

    public IBufferWriter<byte> Output => _payloads;

    public ReadOnlyMemory<byte> this[int index] =>
        _payloads.WrittenMemory[(index == 0 ? 0 : _events[index - 1].End).._events[index].End];

    /// <summary>Whether the event waits for the model to produce it.</summary>
    public bool IsContent(int index) => _events[index].IsContent;

    /// <summary>What the event's own line says of its type; <see langword="null"/> if it has no such line.</summary>
    public string? Name(int index) => _events[index].Name;

    public void EndEvent(bool isContent = false, string? name = null) => _events.Add((_payloads.WrittenCount, isContent, name));
}
