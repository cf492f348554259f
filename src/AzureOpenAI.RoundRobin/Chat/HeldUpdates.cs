using AzureOpenAI.RoundRobin.Balancing;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Chat;

/// <summary>What a stream says before its first content: it is held, so that another endpoint can still take over, and then passed on in order.</summary>
internal struct HeldUpdates
{
    /// <summary>A stream that has said this much without any content is passed on as it is, and stays where it is.</summary>
    /// <remarks>Bytes alone, since the pieces of a tool call are updates without content, one for each token.</remarks>
    private const int MostBytes = 1024 * 1024;

    private Queue<ChatResponseUpdate>? _updates;

    public readonly bool Any => _updates is not null;

    public readonly ChatResponseUpdate? First => _updates?.Peek();

    /// <summary>Takes the next update of a stream that waits for its first content.</summary>
    /// <param name="update">The update.</param>
    /// <param name="content">Whether it has content.</param>
    /// <param name="attempt">The attempt that it is from.</param>
    /// <returns>Whether the waiting is over: the update has content, or enough is held.</returns>
    public bool Hold(ChatResponseUpdate update, bool content, Attempt attempt)
    {
        if (!content || Any)
        {
            (_updates ??= new()).Enqueue(update);
        }

        bool isOver = content || Bytes(update, attempt) > MostBytes;
        if (isOver)
        {
            attempt.CanRelocate = false;
        }

        return isOver;
    }

    /// <summary>The next of the held updates.</summary>
    /// <param name="last">Whether no other is held after it.</param>
    public ChatResponseUpdate PassOn(out bool last)
    {
        ChatResponseUpdate update = _updates!.Dequeue();
        last = _updates.Count == 0;
        _updates = last ? null : _updates;
        return update;
    }

    /// <summary>What came over the wire, where the pool built the transport; else what can be seen of the updates.</summary>
    private static long Bytes(ChatResponseUpdate update, Attempt attempt) => attempt.Endpoint.IsSdkBacked
        ? attempt.Received!.Value
        : (attempt.Received ?? attempt.CountReceived()).Value += UpdateSize.Of(update);
}
