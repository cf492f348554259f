using System.Text.Json;
using AzureOpenAI.RoundRobin.Tests.Fakes;

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
        Array.ForEach(pool.Clients, static client => client.Hold());
        Task<string> call = pool.AskAsync(streaming);
        for (int i = 0; i < 4 && !call.IsCompleted; i++)
        {
            pool.Clients.SelectMany(static client => client.Held).First(static held => !held.End.IsCompleted).Fail(new ArgumentOutOfRangeException(null, "finish_reason"));
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => call);

        Assert.Equal(2, pool.Calls.Sum());
        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    /// <summary>Nobody sees it wait: both its update and its failure are there at once.</summary>
    [Fact]
    public async Task StreamThatIsNotUnderstoodAtOnce_AsksASecondEndpointToo()
    {
        using FakePool pool = new(4);
        foreach (FakeChatClient client in pool.Clients)
        {
            client.OnStream = (_, _, _) => FakeChatClient.Failing(new ArgumentOutOfRangeException(null, "finish_reason"), "");
        }

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => pool.AskAsync(streaming: true));

        Assert.Equal(2, pool.Calls.Sum());
    }

    /// <summary>Refused keys are counted apart from broken answers: three of the one and one of the other end no call.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(3, false)]
    [InlineData(3, true)]
    public async Task SeveralKindsOfDoubt_HealthyEndpointIsLeft_IsAnswered(int broken, bool streaming)
    {
        using FakePool pool = new(4 + broken);
        for (int i = 0; i < pool.Clients.Length; i++)
        {
            await pool.AskAsync(streaming);
        }

        for (int i = 0; i < pool.Clients.Length - 1; i++)
        {
            pool.Clients[i].Fails = i < 3 ? FakeFailure.Status(401) : new IOException("cut");
        }

        Assert.Equal(pool.Clients[^1].Name, await pool.AskAsync(streaming));
        Assert.Equal(2, pool.Clients[2].Calls);
    }

    /// <summary>A refusal and an answer that is not understood are not the same, so they are no proof that the request is at fault.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RefusedOnceAndNotUnderstoodOnce_HealthyEndpointIsLeft_IsAnswered(bool streaming)
    {
        using FakePool pool = new(3);
        pool.Clients[0].Fails = FakeFailure.Status(423);
        pool.Clients[1].Fails = new JsonException("'<' is an invalid start of a value");

        Assert.Equal("c", await pool.AskAsync(streaming));
    }

    private static Exception Failure(string kind) => kind == "html" ? new JsonException("'<' is an invalid start of a value") : new IOException(kind);
}
