using System.ClientModel;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A status of configuration (401, 403, 404 and the like) proves nothing about the configuration of an endpoint that has answered.</summary>
[Trait("Rule", "R1")]
public sealed class ConfigurationStatusTests
{
    public static TheoryData<int, bool> Statuses => new MatrixTheoryData<int, bool>([401, 402, 403, 404, 405, 407, 410], [false, true]);

    /// <summary>As a firewall does that refuses prompts with a script in them.</summary>
    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task BlockedPrompts_BesideOthers_CostTheOthersNothing(int status, bool streaming)
    {
        using FakePool pool = new(3);
        Array.ForEach(pool.Clients, client => Block(client, status));
        await pool.AskManyAsync(3, streaming);

        for (int i = 0; i < 40; i++)
        {
            if (i % 4 == 0)
            {
                ClientResultException blocked = await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, prompt: $"<script>{i}"));
                Assert.Equal(status, blocked.Status);
            }

            await pool.AskAsync(streaming, prompt: $"good {i}");
        }

        Assert.All(pool.Pool.GetStatus(), endpoint => Assert.Equal(EndpointState.Healthy, endpoint.State));
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task OneOutOfTheBlue_InAPoolOfOne_FailsOneCall(int status, bool streaming)
    {
        using FakePool pool = new(1);
        await pool.AskAsync(streaming);
        pool.Clients[0].Fails = FakeFailure.Status(status);

        await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming));
        pool.Clients[0].Fails = null;

        Assert.Equal("a", await pool.AskAsync(streaming));
        Assert.Equal(3, pool.Clients[0].Calls);
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task LastAvailable_ThatHasAnswered_StaysAvailable(int status, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[1].Fails = FakeFailure.RateLimited(TimeSpan.FromMinutes(4));
        await pool.AskManyAsync(2, streaming);
        pool.Clients[0].Fails = FakeFailure.Status(status);

        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(status, (await Assert.ThrowsAsync<ClientResultException>(() => pool.AskAsync(streaming, prompt: $"{i}"))).Status);
        }

        Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task KeyThatIsRevoked_IsFoundByTheSecondRequest(int status, bool streaming)
    {
        using FakePool pool = new(3);
        await pool.AskManyAsync(3, streaming);
        pool.Clients[1].Fails = FakeFailure.Status(status);

        for (int i = 0; i < 12; i++)
        {
            await pool.AskAsync(streaming, prompt: $"{i}");
        }

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(1));
        Assert.Equal(1 + 2, pool.Clients[1].Calls);
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task NeverAnswered_IsEjectedAtTheFirst(int status, bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.Status(status);

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(EndpointState.Unavailable, pool.StateOf(0));
    }

    private static void Block(FakeChatClient client, int status)
    {
        var (call, stream) = (client.OnCall, client.OnStream);
        client.OnCall = (messages, options, token) => messages.First().Text.StartsWith("<script>", StringComparison.Ordinal) ? Task.FromException<Microsoft.Extensions.AI.ChatResponse>(FakeFailure.Status(status)) : call(messages, options, token);
        client.OnStream = (messages, options, token) => messages.First().Text.StartsWith("<script>", StringComparison.Ordinal) ? throw FakeFailure.Status(status) : stream(messages, options, token);
    }
}
