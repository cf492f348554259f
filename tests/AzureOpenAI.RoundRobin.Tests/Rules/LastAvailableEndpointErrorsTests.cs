using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Pools in which every endpoint fails a part of its calls and answers the rest: they serve, rather than eject each other until none is left.</summary>
[Trait("Rule", "5.7")]
public class LastAvailableEndpointErrorsTests
{
    public static TheoryData<string, bool> Kinds => new MatrixTheoryData<string, bool>(["fault", "broken"], [false, true]);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task LastAvailable_Errors_StaysUntilMoreThanTenInARow(string kind, bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxAttempts = 1);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(5));
        await pool.AskAsync(streaming);
        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        pool.Clients[0].Fails = Failure(kind);
        // The first broken answer may be the request's own fault; a different request that meets the same shows that it is not.
        int most = kind == "broken" ? 11 : 10;
        for (int i = 1; i <= most; i++)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming, prompt: $"{i}"));
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }

        await Assert.ThrowsAnyAsync<Exception>(() => pool.AskAsync(streaming, prompt: "last"));

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.Equal(most + 2, pool.Clients[0].Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastAvailable_Unreachable_IsEjectedAtOnce(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxAttempts = 1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        pool.Clients[1].Fails = FakeFailure.Refused();

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastAvailable_ErrorWithHint_IsEjected(bool streaming)
    {
        using FakePool pool = new(2, options => options.MaxAttempts = 1);
        pool.Clients[0].Fails = FakeFailure.Refused();
        pool.Clients[1].Fails = FakeFailure.Status(503, ("Retry-After", "7"));

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));

        Assert.Equal(7, pool.OutFor(1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EjectedForErrorsBetweenAnswers_IsCalledWhereNoOtherIsLeft(bool streaming)
    {
        using FakePool pool = new(2);
        await TakeFirstOutAsync(pool, streaming);
        pool.Clients[1].Plays(FakeFailure.Status(500));

        Task<string> call = pool.AskAsync(streaming);

        Assert.True(call.IsCompleted);
        Assert.Equal("a", await call);
        Assert.Equal(EndpointState.Recovering, pool.StateOf(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TwoEjectedForErrors_TheOneThatFailedLongerAgoIsCalled(bool streaming)
    {
        using FakePool pool = new(3);
        foreach (int i in new[] { 1, 0 })
        {
            pool.Clients[i].Plays(FakeFailure.Status(500), FakeFailure.Status(500));
            while (pool.StateOf(i) != EndpointState.Unavailable)
            {
                await pool.AskAsync(streaming);
            }

            pool.Time.Advance(TimeSpan.FromSeconds(0.3));
        }

        pool.Clients[2].Plays(FakeFailure.Status(500));

        Assert.Equal("b", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TenErrorsInARow_CallWaits(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(500);
        while (pool.Clients[0].Calls < 10)
        {
            await pool.AskAsync(streaming);
            pool.Time.Advance(TimeSpan.FromSeconds(20));
        }

        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        while (pool.StateOf(0) != EndpointState.Unavailable)
        {
            await pool.AskAsync(streaming);
        }

        pool.Clients[0].Fails = null;
        pool.Clients[1].Plays(FakeFailure.Status(500));
        Task<string> call = pool.AskAsync(streaming);

        Assert.False(call.IsCompleted);
        await pool.AdvanceAsync(0.5);
        Assert.Equal("b", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CallsOfEjectedEndpoints_AreBoundedByTheBudget(bool streaming)
    {
        using FakePool pool = new(2);
        await TakeFirstOutAsync(pool, streaming);
        pool.Clients[0].Hold();
        pool.Clients[1].Plays([.. Enumerable.Repeat(FakeFailure.Status(500), 9), null, .. Enumerable.Repeat(FakeFailure.Status(500), 9)]);

        Task<string>[] calls = [.. Enumerable.Range(0, 19).Select(_ => pool.AskAsync(streaming))];

        // Ten at once, and one more for every five calls.
        Assert.InRange(pool.Clients[0].Running, 10, 14);
        Assert.Equal(18 - pool.Clients[0].Running, calls.Count(call => !call.IsCompleted) - pool.Clients[0].Running);
        pool.Clients[0].Fails = null;
        foreach (HeldCall held in pool.Clients[0].Held)
        {
            held.Answer();
        }

        for (int i = 0; i < 10_000 && !Array.TrueForAll(calls, call => call.IsCompleted); i++)
        {
            pool.Time.Advance(TimeSpan.FromSeconds(0.01));
            await Task.Yield();
        }

        Assert.All(calls, call => Assert.True(call.IsCompletedSuccessfully));
    }

    private static async Task TakeFirstOutAsync(FakePool pool, bool streaming)
    {
        pool.Clients[0].Plays(FakeFailure.Status(500), FakeFailure.Status(500));
        await pool.AskManyAsync(2, streaming);
        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
    }

    private static Exception Failure(string kind) => kind == "fault" ? FakeFailure.Status(500) : new System.Text.Json.JsonException("broken");
}
