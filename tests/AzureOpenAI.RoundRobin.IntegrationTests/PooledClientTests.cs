using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI;
using OpenAI.Chat;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>The pool's pre-built clients, for what an IChatClient does not do.</summary>
public sealed class PooledClientTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_v1_clients_typed_calls_fail_over()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = true);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));

        ClientResult<ChatCompletion> result = await fleet.Pool.InvokeAsync(
            (client, token) => client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: token),
            cancellationToken: Cancellation);

        Assert.Equal("[west] hello", result.Value.Content[0].Text);
        Assert.Equal(EndpointState.Unavailable, fleet.StatusOf("east").State);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Protocol_methods_fail_over_on_both_routes(bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = v1);
        fleet["east"].Faults.Add(Fault.Status(500));

        string text = await fleet.Pool.InvokeAsync(
            async (client, token) =>
            {
                using BinaryContent content = BinaryContent.Create(BinaryData.FromString(
                    $$"""{"model":"{{client.DeploymentName}}","messages":[{"role":"user","content":"hello"}]}"""));
                ClientResult result = await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync(content, new RequestOptions { CancellationToken = token });
                return JsonElement.Parse(result.GetRawResponse().Content).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
            },
            cancellationToken: Cancellation);

        Assert.Equal("[west] hello", text);
        Assert.Equal(["east", "west"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Embeddings_fail_over_on_both_routes(bool v1)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = v1);
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()));

        for (int i = 0; i < 3; i++)
        {
            float[] vector = await fleet.Pool.InvokeAsync(
                async (client, token) =>
                    (await client.Client.GetEmbeddingClient(client.DeploymentName).GenerateEmbeddingAsync("a text", cancellationToken: token)).Value.ToFloats().ToArray(),
                cancellationToken: Cancellation);
            Assert.NotEmpty(vector);
        }

        Assert.Equal([1, 3], [fleet.Attempts("east"), fleet.Attempts("west")]);
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(ApiOperation.Embeddings, entry.Operation));
    }

    [Fact]
    public async Task A_bad_request_is_not_tried_elsewhere()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = true);

        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => fleet.Pool.InvokeAsync(
            (client, token) => client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("[content-filter]")], cancellationToken: token),
            cancellationToken: Cancellation));

        Assert.Equal(400, exception.Status);
        Assert.Equal(1, fleet.Attempts());
    }

    [Fact]
    public async Task The_users_own_exception_surfaces_at_once_and_blames_nobody()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup => setup.IsV1 = true);
        int runs = 0;

        FormatException thrown = new("of the user's own");
        FormatException exception = await Assert.ThrowsAsync<FormatException>(() => fleet.Pool.InvokeAsync<string>(
            async (client, token) =>
            {
                runs++;
                await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: token);
                throw thrown;
            },
            cancellationToken: Cancellation));

        Assert.Same(thrown, exception);
        Assert.Equal(1, runs);
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0), (status.State, status.Failed)));
    }

    [Fact]
    public async Task A_caller_who_gives_up_aborts_the_operations_request()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.IsV1 = true);
        fleet["east"].Faults.Add(Fault.NeverAnswer());
        using CancellationTokenSource caller = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        Task<ClientResult<ChatCompletion>> running = fleet.Pool.InvokeAsync(
            (client, token) => client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: token),
            cancellationToken: caller.Token);
        await fleet.WaitForAttemptAsync("east");
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await fleet.Ledger.WaitForAsync(entries => entries is [{ Outcome: LedgerOutcome.AbortedByClient }], Cancellation);
        Assert.Equal(EndpointState.Healthy, fleet.StatusOf("east").State);
    }

    [Fact]
    public async Task Next_hands_out_the_clients_in_turn_and_skips_those_that_are_out()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west", "north"]);

        Assert.Equal(["east", "west", "north", "east"], Enumerable.Range(0, 4).Select(_ => fleet.Pool.NextClient().EndpointName));
        Assert.IsType<AzureOpenAIClient>(fleet.Pool.Next());

        fleet["west"].Faults.Add(Fault.Throttle(20.Seconds()));
        await fleet.AskAsync(streaming: false, times: 3);
        Assert.DoesNotContain("west", Enumerable.Range(0, 6).Select(_ => fleet.Pool.NextClient().EndpointName));
    }

    [Fact]
    public async Task A_client_that_was_handed_out_works_and_knows_its_deployment()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.IsV1 = true;
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment).AddDeployment($"reasoner-{resource.Name}");
            setup.Endpoint = (resource, endpoint) => endpoint.Deployments["o5"] = $"reasoner-{resource.Name}";
        });

        PooledClient client = fleet.Pool.NextClient("o5");
        ChatCompletion completion = await client.Client.GetChatClient(client.DeploymentName).CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: Cancellation);

        Assert.Equal($"reasoner-{client.EndpointName}", client.DeploymentName);
        Assert.Equal($"[{client.EndpointName}] hello", completion.Content[0].Text);
        Assert.IsType<OpenAIClient>(client.Client);
    }

    [Fact]
    public async Task A_client_that_was_handed_out_does_not_retry_by_itself()
    {
        await using Fleet fleet = await Fleet.StartAsync(["east"], setup => setup.IsV1 = true);
        fleet["east"].Faults.Add(Fault.Status(500));

        await Assert.ThrowsAsync<ClientResultException>(async () =>
            await fleet.Pool.Next().GetChatClient(Fleet.Deployment).CompleteChatAsync([new UserChatMessage("hello")], cancellationToken: Cancellation));

        Assert.Equal(1, fleet.Attempts());
    }
}
