using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A ready-made client whose stream ends without content and throws only as it is disposed of has failed before content.</summary>
[Trait("Rule", "R17")]
public class EmptyStreamTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DisposalThrows_FailsOver(bool hasUpdates)
    {
        using FakePool pool = new(2);
        pool.Clients[0].OnStream = (_, _, _) => new Ending(hasUpdates);

        Assert.Equal("b", await pool.AskAsync(streaming: true));

        Assert.Equal([1, 1], pool.Calls);
        Assert.Equal(1L, pool.StatusOf(0).Failed);
    }

    [Fact]
    public async Task DisposalThrows_OfAPoolOfOne_Surfaces()
    {
        using FakePool pool = new(1, options => options.MaxWait = TimeSpan.Zero);
        pool.Clients[0].OnStream = (_, _, _) => new Ending(hasUpdates: false);

        await Assert.ThrowsAsync<HttpRequestException>(() => pool.AskAsync(streaming: true));
    }

    private sealed class Ending(bool hasUpdates) : IAsyncEnumerable<ChatResponseUpdate>, IAsyncEnumerator<ChatResponseUpdate>
    {
        private bool _hasMore = hasUpdates;

        public ChatResponseUpdate Current { get; } = new(ChatRole.Assistant, (string?)null);

        public IAsyncEnumerator<ChatResponseUpdate> GetAsyncEnumerator(CancellationToken cancellationToken = default) => this;

        public ValueTask<bool> MoveNextAsync()
        {
            bool more = _hasMore;
            _hasMore = false;
            return new(more);
        }

        public ValueTask DisposeAsync() => throw new HttpRequestException("It broke at its end.");
    }
}
