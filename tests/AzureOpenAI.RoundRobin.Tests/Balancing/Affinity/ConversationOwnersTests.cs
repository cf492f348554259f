using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Affinity;

/// <summary>Who made which conversation, and for how long that is known.</summary>
public sealed class ConversationOwnersTests : IDisposable
{
    private readonly FakePool _pool = new(2);
    private readonly ConversationOwners _makers = new();

    private IChatClient A => _pool.EndpointAt(0).ChatClient!;

    private IChatClient B => _pool.EndpointAt(1).ChatClient!;

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void Find_UnknownId_IsNull()
    {
        _makers.Remember("one", A);

        Assert.Null(_makers.Find("two"));
        Assert.Null(_makers.Find("ONE"));
    }

    [Fact]
    public void Remember_TheSameIdOfAnother_TheLatestKnowsIt()
    {
        _makers.Remember("one", A);
        _makers.Remember("one", B);

        Assert.Same(B, _makers.Find("one"));
        Assert.Equal(1, _makers.Count);
    }

    [Fact]
    public void Remember_MoreThanItHolds_ForgetsTheOldest()
    {
        for (int i = 0; i <= ConversationOwners.Most; i++)
        {
            _makers.Remember($"{i}", A);
        }

        Assert.Equal(ConversationOwners.Most, _makers.Count);
        Assert.Null(_makers.Find("0"));
        Assert.Same(A, _makers.Find("1"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Remember_MoreThanItHolds_KeepsWhatIsInUse(bool answered)
    {
        for (int i = 0; i <= ConversationOwners.Most; i++)
        {
            _makers.Remember($"{i}", A);
            if (answered)
            {
                _makers.Remember("0", A);
            }
            else
            {
                Assert.Same(A, _makers.Find("0"));
            }
        }

        Assert.Same(A, _makers.Find("0"));
        Assert.Null(_makers.Find("1"));
        Assert.Equal(ConversationOwners.Most, _makers.Count);
    }

    [Fact]
    public async Task RememberAndFind_ManyThreads_NeverMixIdsUpAndStayBounded()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 4000; i++)
            {
                _makers.Remember($"a{thread}.{i}", A);
                _makers.Remember($"b{thread}.{i}", B);
                Assert.True(_makers.Find($"a{thread}.{i}") is not { } maker || maker == A);
                Assert.True(_makers.Find($"b{thread}.{i}") is not { } other || other == B);
            }
        })));

        Assert.Equal(ConversationOwners.Most, _makers.Count);
    }
}
