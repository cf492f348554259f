using System.ClientModel;
using System.Runtime.CompilerServices;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The only endpoint, or the last available one: it is not ejected for what it does to single calls, since no other would do better.</summary>
[Trait("Rule", "5.7")]
public class LastAvailableEndpointTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyEndpoint_CutsStreams_StaysAvailable(bool streaming)
    {
        using FakePool pool = new(1);
        for (int i = 0; i < 5; i++)
        {
            await CutAsync(pool, 0);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
            pool.Clients[0].Fails = null;
            Assert.Equal("a", await pool.AskAsync(streaming));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyEndpoint_TimesOutAgainAndAgain_StaysAvailable(bool streaming)
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 3).Select(_ => pool.AskAsync(streaming))];
        pool.Time.Advance(Limit);
        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(6, pool.Clients[0].Calls);
        pool.Time.Advance(Limit);
        foreach (Task<string> call in calls)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => call);
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        pool.Clients[0].Fails = null;
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Fact]
    public async Task OnlyEndpoint_StreamsHangAfterContent_StaysAvailable()
    {
        using FakePool pool = new(1, options => options.AttemptTimeout = Limit);
        pool.Clients[0].OnStream = static (_, _, token) => HangingAsync(token);
        for (int i = 0; i < 3; i++)
        {
            Task<string> stream = pool.AskAsync(streaming: true);
            pool.Time.Advance(Limit);
            await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => stream);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyEndpoint_CutsAStreamAndThenErrs_IsNotCalledWithoutAPause(bool streaming)
    {
        using FakePool pool = new(1);
        await CutAsync(pool, 0);
        pool.Clients[0].Fails = FakeFailure.Status(500);

        Task<string> call = pool.AskAsync(streaming);
        int asked = pool.Clients[0].Calls;
        pool.Time.Advance(TimeSpan.FromSeconds(0.499));
        Assert.Equal(asked, pool.Clients[0].Calls);
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(0.001));

        Assert.Equal("a", await call);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastAvailable_CutsStreams_StaysUntilAnotherIsAvailable(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(60));
        Assert.Equal("b", await pool.AskInTurnOfAsync(0));
        for (int i = 0; i < 3; i++)
        {
            await CutAsync(pool, 1);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(1));
            pool.Clients[1].Fails = null;
            Assert.Equal("b", await pool.AskAsync(streaming));
        }

        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal("a", await pool.AskInTurnOfAsync(0, streaming));
        pool.Clients[1].OnStream = static (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "content");
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskInTurnOfAsync(1, streaming: true));

        Assert.Equal(2, pool.OutFor(1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LastAvailable_TimesOut_IsEjected_SoThatAnotherIsProbed(bool streaming)
    {
        using FakePool pool = new(2, options => (options.AttemptTimeout, options.MaxAttempts) = (Limit, 1));
        foreach (FakeChatClient client in pool.Clients)
        {
            client.Hold();
        }

        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];
        pool.Time.Advance(Limit);
        foreach (Task<string> call in calls)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => call);
        }

        Assert.Equal([EndpointState.Unavailable, EndpointState.Unavailable], [pool.StateOf(0), pool.StateOf(1)]);
        pool.Clients[0].Fails = null;
        Task<string> next = pool.AskAsync(streaming);
        for (int i = 0; i < 4; i++)
        {
            await pool.AdvanceAsync(0.25);
        }

        Assert.Equal("a", await next);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OnlyEndpoint_ProbeTimesOut_IsEjectedAgain(bool streaming)
    {
        using FakePool pool = new(1, options => (options.AttemptTimeout, options.MaxAttempts) = (Limit, 1));
        pool.Clients[0].Fails = FakeFailure.Refused();
        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        pool.Clients[0].Hold();
        Task<string> probe = pool.AskAsync(streaming);
        await pool.AdvanceAsync(0.5);
        Assert.Equal(EndpointState.Probing, pool.StateOf(0));
        pool.Time.Advance(Limit);

        await Assert.ThrowsAsync<TimeoutException>(() => probe);
        Assert.Equal(12, pool.OutFor(0));
    }

    [Fact]
    public async Task DeploymentThatCutsStreams_IsEjected_WhereAnotherOfItsResourceAnswers()
    {
        using ServicePool pool = new(["one/x", "one/y"]);
        pool.Service.On = static request => FakeService.Answer(request, request.Deployment == "x" ? null : "stop");

        await Assert.ThrowsAsync<ChatStreamInterruptedException>(async () =>
        {
            for (int i = 0; i < 2; i++)
            {
                await pool.AskAsync(streaming: true);
            }
        });

        Assert.Equal([EndpointState.Unavailable, EndpointState.Healthy], pool.Pool.GetStatus().Select(endpoint => endpoint.State));
    }

    private static async Task CutAsync(FakePool pool, int index)
    {
        pool.Clients[index].OnStream = static (_, _, _) => FakeChatClient.Failing(new IOException("cut"), "content");
        await Assert.ThrowsAsync<ChatStreamInterruptedException>(() => pool.AskAsync(streaming: true));
    }

    private static async IAsyncEnumerable<ChatResponseUpdate> HangingAsync([EnumeratorCancellation] CancellationToken token)
    {
        yield return new(ChatRole.Assistant, "content");
        await Task.Delay(Timeout.InfiniteTimeSpan, token);
    }
}
