using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A stream by hand, that can go wrong at each of its members.</summary>
internal sealed class FakeStream : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>
{
    private int _position = -1;

    public int Length { get; init; } = 1;

    public Action OnOpen { get; init; } = () => { };

    public Action<int> OnMove { get; init; } = _ => { };

    public Func<int, ChatResponseUpdate> OnCurrent { get; init; } = _ => new ChatResponseUpdate(ChatRole.Assistant, "x");

    public Action OnDispose { get; init; } = () => { };

    public int Disposals { get; private set; }

    public ChatResponseUpdate Current => OnCurrent(_position);

    public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        OnOpen();
        return this;
    }

    public ValueTask<bool> MoveNextAsync()
    {
        OnMove(++_position);
        return new(_position < Length);
    }

    public ValueTask DisposeAsync()
    {
        Disposals++;
        OnDispose();
        return default;
    }
}
