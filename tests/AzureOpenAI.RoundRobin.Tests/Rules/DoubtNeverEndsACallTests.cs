using System.Runtime.CompilerServices;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Two of a kind are no proof while a third has not been asked.</summary>
[Trait("Rule", "R2")]
public sealed class DoubtNeverEndsACallTests
{
    public static TheoryData<string, bool> Kinds => new MatrixTheoryData<string, bool>(["cut", "html", "empty"], [false, true]);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task TwoOfThreeAreBroken_EveryCallIsAnswered(string kind, bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = Failure(kind);
        pool.Clients[1].Fails = Failure(kind);

        for (int i = 0; i < 30; i++)
        {
            Assert.Equal("c", await pool.AskAsync(streaming, prompt: $"{i}"));
        }

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task AllAreBrokenForOneRequest_NoEndpointIsEjectedForIt(string kind, bool streaming)
    {
        using FakePool pool = new(3);
        Array.ForEach(pool.Clients, client => client.Fails = Failure(kind));

        for (int i = 0; i < 5; i++)
        {
            await Assert.ThrowsAsync(Failure(kind).GetType(), () => pool.AskAsync(streaming));
        }

        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    /// <summary>The SDK has read the answer whole and does not understand it, as with a finish reason that it does not know.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnswerThatIsNotUnderstoodTwice_IsTheRequests(bool streaming)
    {
        using FakePool pool = new(4);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnCall = async (_, _, _) =>
            {
                await Task.Yield();
                throw new ArgumentOutOfRangeException(null, "finish_reason");
            };
            client.OnStream = (_, _, token) => NotUnderstood(token);
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => pool.AskAsync(streaming));

        Assert.Equal(2, pool.Calls.Sum());
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> NotUnderstood([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        yield return new ChatResponseUpdate();
        throw new ArgumentOutOfRangeException(null, "finish_reason");
    }

    private static Exception Failure(string kind) => kind == "html" ? new JsonException("'<' is an invalid start of a value") : new IOException(kind);
}
