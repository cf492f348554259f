using AzureOpenAI.RoundRobin.IntegrationTests.Support;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The same promises against a server by other hands, in processes of its own. Skipped where it is not installed.</summary>
[Trait("Needs", "Node")]
public sealed class AimockTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_healthy_pool_is_even_over_both_routes()
    {
        SkipIfAbsent();
        await using Aimock classic = await Aimock.StartAsync("key-of-the-first");
        await using Aimock v1 = await Aimock.StartAsync("key-of-the-second");
        using RoundRobinChatClient client = Over((classic, classic.Endpoint), (v1, v1.V1Endpoint));

        await AskAsync(client, 60);

        Assert.Equal([30, 30], client.Pool.GetStatus().Select(status => status.Answered));
        Assert.All(client.Pool.GetStatus(), status => Assert.Equal(0, status.Failed));
    }

    [Fact]
    public async Task Every_call_is_answered_while_all_servers_fail_at_random()
    {
        SkipIfAbsent();
        string[] chaos = ["--chaos-drop", "0.1", "--chaos-disconnect", "0.1", "--chaos-ratelimit", "0.05"];
        await using Aimock first = await Aimock.StartAsync("key-of-the-first", chaos);
        await using Aimock second = await Aimock.StartAsync("key-of-the-second", chaos);
        await using Aimock third = await Aimock.StartAsync("key-of-the-third", chaos);
        using RoundRobinChatClient client = Over((first, first.Endpoint), (second, second.V1Endpoint), (third, third.Endpoint));

        await AskAsync(client, 150);

        Assert.Equal(150, client.Pool.GetStatus().Sum(status => status.Answered));
        Assert.True(client.Pool.GetStatus().Sum(status => status.Failed) > 0);
    }

    [Fact]
    public async Task Each_kind_of_random_fault_is_met_and_every_call_answered()
    {
        SkipIfAbsent();
        await using Aimock failing = await Aimock.StartAsync("key-of-the-first", "--chaos-drop", "0.4");
        await using Aimock disconnecting = await Aimock.StartAsync("key-of-the-second", "--chaos-disconnect", "0.4");
        await using Aimock limited = await Aimock.StartAsync("key-of-the-third", "--chaos-ratelimit", "0.4");
        using RoundRobinChatClient client = Over((failing, failing.Endpoint), (disconnecting, disconnecting.V1Endpoint), (limited, limited.V1Endpoint));

        // Nobody who gets so many calls is spared.
        await AskAsync(client, 90);

        Assert.Equal(
            [(EndpointFailureReason.Failed, 500), (EndpointFailureReason.Failed, null), (EndpointFailureReason.RateLimited, 429)],
            client.Pool.GetStatus().Select(status => (status.LastError?.Reason, status.LastError?.Status)));
    }

    [Fact]
    public async Task Malformed_answers_of_one_server_reach_nobody()
    {
        SkipIfAbsent();
        await using Aimock broken = await Aimock.StartAsync("key-of-the-first", "--chaos-malformed", "1");
        await using Aimock whole = await Aimock.StartAsync("key-of-the-second");
        using RoundRobinChatClient client = Over((broken, broken.Endpoint), (whole, whole.Endpoint));

        await AskAsync(client, 60);

        Assert.Equal([0, 60], client.Pool.GetStatus().Select(status => status.Answered));
        Assert.Equal(EndpointFailureReason.BrokenAnswer, client.Pool.GetStatus()[0].LastError!.Reason);
    }

    [Fact]
    public async Task A_wrong_key_is_found_out_and_the_others_answer()
    {
        SkipIfAbsent();
        await using Aimock first = await Aimock.StartAsync("key-of-the-first");
        await using Aimock second = await Aimock.StartAsync("key-of-the-second");
        RoundRobinOptions options = Options((first, first.Endpoint), (second, second.V1Endpoint));
        options.Endpoints[0].ApiKey = "key-of-nobody";
        using RoundRobinChatClient client = new(new EndpointPool(options));

        await AskAsync(client, 40);

        EndpointStatus status = client.Pool.GetStatus()[0];
        Assert.Equal((EndpointFailureReason.CredentialRefused, 401), (status.LastError!.Reason, status.LastError.Status));
        Assert.Equal((0, 40), (status.Answered, client.Pool.GetStatus()[1].Answered));
    }

    private static void SkipIfAbsent()
    {
        if (Aimock.Absence() is { } why)
        {
            Assert.Skip(why);
        }
    }

    private static RoundRobinChatClient Over(params (Aimock Server, Uri Endpoint)[] servers) => new(new EndpointPool(Options(servers)));

    private static RoundRobinOptions Options(params (Aimock Server, Uri Endpoint)[] servers)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        foreach ((Aimock server, Uri endpoint) in servers)
        {
            options.Endpoints.Add(new EndpointOptions { Endpoint = endpoint, ApiKey = server.Key });
        }

        return options;
    }

    /// <summary>Calls and streams mixed; each must get the answer to its own question, once and in full.</summary>
    private static Task AskAsync(RoundRobinChatClient client, int calls)
    {
        KeyValuePair<string, string>[] questions = [.. Aimock.Answers];
        return Parallel.ForEachAsync(
            Enumerable.Range(0, calls), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation },
            async (i, cancellation) =>
            {
                (string question, string expected) = questions[i % questions.Length];
                Answer answer = await client.AskAsync(streaming: i % 2 == 0, $"What is the answer to {question}?", null, cancellation);
                Assert.Equal(expected, answer.Text);
                Assert.Equal(ChatFinishReason.Stop, answer.Response.FinishReason);
            });
    }
}
