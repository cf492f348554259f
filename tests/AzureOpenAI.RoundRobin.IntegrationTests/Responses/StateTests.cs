using System.ClientModel;
using System.Text;
using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.Time.Testing;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>What a resource keeps is known nowhere else: conversations, responses and jobs go back to it over processes, restarts and reloads.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class StateTests
{
    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversations_of_two_app_instances_are_not_lost(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        using RoundRobinChatClient other = new(fleet.CreatePool());
        IChatClient[] instances = [fleet.Client, other];

        for (int i = 0; i < 40; i++)
        {
            string? id = null;
            for (int turn = 0; turn < 4; turn++)
            {
                Answer answer = await instances[(i + turn) % 2].AskAsync(streaming, "and then?", new ChatOptions { ConversationId = id }, Cancellation);
                Assert.Equal($"{(2 * turn) + 1} messages", answer.Text);
                id = answer.Response.ConversationId;
            }
        }

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(200, entry.Status));
        Assert.Equal(160, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Conversation_object_goes_back_to_its_resource_and_stays_recognizable(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        string conversation = await CreateConversationAsync(fleet["east"]);
        Answer first = await fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = conversation });

        Answer second = await fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = first.Response.ConversationId });

        Assert.StartsWith("conv_", first.Response.ConversationId, StringComparison.Ordinal);
        Assert.Equal(("east", "3 messages"), (second.Endpoint, second.Text));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Response_id_is_marked_alike_in_all_updates(bool streaming)
    {
        await using Fleet fleet = await StartAsync();

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Matches("^resp_[0-9a-f]+_rr[a-z2-7]{12}$", answer.Response.ResponseId);
        Assert.Equal(answer.Response.ResponseId, answer.Response.ConversationId);
    }

    [Fact]
    public async Task Job_is_polled_at_its_resource_by_its_token_alone_after_a_restart()
    {
        FakeTimeProvider time = new();
        await using Fleet fleet = await StartAsync(setup =>
        {
            setup.Time = time;
            setup.Resource = resource => resource.Latency = Latency.Constant(TimeSpan.FromSeconds(30));
        });
        List<string> saved = [];
        for (int i = 0; i < 6; i++)
        {
            ChatResponse queued = await fleet.Client.GetResponseAsync("long work", InBackground, Cancellation);
            saved.Add(JsonSerializer.Serialize(queued.ContinuationToken));
        }

        time.Advance(TimeSpan.FromSeconds(31));
        using RoundRobinChatClient restarted = new(fleet.CreatePool());
        foreach (string token in saved)
        {
            ChatResponse done = await restarted.GetResponseAsync([], Continue(JsonSerializer.Deserialize<ResponseContinuationToken>(token)), Cancellation);
            Assert.Equal(("1 messages", ChatFinishReason.Stop), (done.Text, done.FinishReason));
        }

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(200, entry.Status));
        Assert.Equal([4, 4, 4], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
    }

    [Fact]
    public async Task Expired_job_costs_nobody_else_anything()
    {
        await using Fleet fleet = await StartAsync();
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);
        using RoundRobinChatClient stranger = new(fleet.CreatePool());
        ResponseContinuationToken expired = ResponseContinuationToken.FromBytes(Encoding.UTF8.GetBytes(
            Encoding.UTF8.GetString(queued.ContinuationToken!.ToBytes().Span).Replace("resp_0", "resp_f", StringComparison.Ordinal)));

        for (int i = 0; i < 12; i++)
        {
            ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(() => stranger.GetResponseAsync([], Continue(expired), Cancellation));
            Assert.Equal(404, exception.Status);
            Assert.NotEqual("", (await stranger.GetResponseAsync("hello", cancellationToken: Cancellation)).Text);
        }

        Assert.All(stranger.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Previous_response_in_the_sdks_own_options_goes_back_to_its_resource_after_a_restart(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        using RoundRobinChatClient restarted = new(fleet.CreatePool());
        for (int i = 0; i < 6; i++)
        {
            Answer first = await fleet.AskAsync(streaming);
            ChatOptions options = new() { RawRepresentationFactory = _ => new CreateResponseOptions { PreviousResponseId = first.Response.ResponseId } };

            Answer second = await restarted.AskAsync(streaming, "and then?", options, Cancellation);

            Assert.Equal((first.Endpoint, "3 messages"), (second.Endpoint, second.Text));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pinned_call_waits_for_its_home_up_to_max_wait(bool streaming)
    {
        await using Fleet fleet = await StartAsync(setup => setup.Pool = options => options.MaxWait = TimeSpan.FromSeconds(5));
        Answer first = await fleet.AskAsync(streaming);
        ChatOptions options = new() { ConversationId = first.Response.ConversationId };
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromMilliseconds(300)).Times(1));

        Answer second = await fleet.AskAsync(streaming, options: options);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(60)));
        ClientResultException throttled = await Assert.ThrowsAsync<ClientResultException>(() => fleet.AskAsync(streaming, options: options));
        EndpointsExhaustedException exhausted = await Assert.ThrowsAsync<EndpointsExhaustedException>(() => fleet.AskAsync(streaming, options: options));

        Assert.Equal(("east", "3 messages", 2), (second.Endpoint, second.Text, second.Attempts));
        Assert.Equal((429, 429), (throttled.Status, exhausted.Status));
        Assert.Equal((0, 0), (fleet.Attempts("west"), fleet.Attempts("north")));
        Assert.NotEqual("east", (await fleet.AskAsync(streaming)).Endpoint);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Key_that_was_replaced_loses_no_conversation(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        Answer first = await fleet.AskAsync(streaming);
        fleet["east"].ReplaceKey("another-key-0123456789");

        fleet.Pool.Update(Configuration(fleet, "east", "west", "north"));

        Assert.Equal("3 messages", (await fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = first.Response.ConversationId })).Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Endpoint_that_has_left_is_named_and_a_new_process_does_not_know_its_name(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        Answer first = await fleet.AskAsync(streaming);
        ChatOptions options = new() { ConversationId = first.Response.ConversationId };

        fleet.Pool.Update(Configuration(fleet, "west", "north"));
        ConversationUnavailableException left = await Assert.ThrowsAsync<ConversationUnavailableException>(() => fleet.AskAsync(streaming, options: options));
        using RoundRobinChatClient restarted = new(new EndpointPool(Configuration(fleet, "west", "north")));
        ConversationUnavailableException unknown = await Assert.ThrowsAsync<ConversationUnavailableException>(() => restarted.AskAsync(streaming, "hello", options, Cancellation));
        fleet.Pool.Update(Configuration(fleet, "east", "west", "north"));
        Answer again = await fleet.AskAsync(streaming, options: options);

        Assert.Equal(("east", null), (left.EndpointName, unknown.EndpointName));
        Assert.Contains("'east'", left.Message, StringComparison.Ordinal);
        Assert.Equal("3 messages", again.Text);
        Assert.Equal(2, fleet.Attempts());
    }

    [Fact]
    public async Task Other_deployment_of_the_resource_goes_on_with_the_conversation()
    {
        await using Fleet fleet = await StartAsync(setup => setup.Resource = resource => resource.AddDeployment(Fleet.Deployment).AddDeployment("large"));
        Answer first = await fleet.AskAsync(streaming: false);
        RoundRobinOptions renamed = Configuration(fleet, "east", "west", "north");
        renamed.DeploymentName = "large";

        fleet.Pool.Update(renamed);
        Answer second = await fleet.AskAsync(streaming: false, options: new ChatOptions { ConversationId = first.Response.ConversationId });

        Assert.Equal(("east", "3 messages"), (second.Endpoint, second.Text));
        Assert.Equal("large", fleet.Ledger.Snapshot()[^1].Deployment);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_marks_ids_are_the_services_own_and_go_back_in_this_process(bool streaming)
    {
        await using Fleet fleet = await StartAsync(setup => setup.Pool = options => options.MarkIds = false);
        using RoundRobinChatClient marking = new(fleet.CreatePool(options => options.MarkIds = true));

        for (int i = 0; i < 6; i++)
        {
            Answer first = await fleet.AskAsync(streaming);
            Assert.Matches("^resp_[0-9a-f]+$", first.Response.ConversationId);
            Assert.Equal("3 messages", (await fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = first.Response.ConversationId })).Text);
        }

        Answer marked = await marking.AskAsync(streaming, "hello", options: null, Cancellation);
        Assert.Equal("3 messages", (await fleet.AskAsync(streaming, options: new ChatOptions { ConversationId = marked.Response.ConversationId })).Text);
        ChatResponse queued = await fleet.Client.GetResponseAsync("work", InBackground, Cancellation);
        Assert.Equal("1 messages", (await fleet.Client.GetResponseAsync([], Continue(queued.ContinuationToken), Cancellation)).Text);
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(200, entry.Status));
    }

    [Fact]
    public async Task Forged_marks_reach_no_other_host_and_blame_no_endpoint()
    {
        await using Fleet fleet = await StartAsync();
        Answer first = await fleet.AskAsync(streaming: false);
        string good = first.Response.ConversationId!;
        const string Alphabet = "abcdefghijklmnopqrstuvwxyz234567_rRespconv{}\0é";
        const int MarkLength = 15;
        Random random = new(19);
        string[] forged =
        [
            .. Enumerable.Range(0, 120).Select(i => $"resp_1_rr{new string(random.GetItems(Alphabet.AsSpan(0, i % 2 == 0 ? 32 : Alphabet.Length), i % 4 == 0 ? MarkLength - 3 : random.Next(40)))}"),
            // Without the whole mark it is the service's own id, which is no forgery.
            .. Enumerable.Range(1, good.Length - 1).Where(length => length != good.Length - MarkLength).Select(length => good[..length]),
            good + "a", "x" + good, good + good[^MarkLength..], new string('a', 100_000) + good[^MarkLength..], good.ToUpperInvariant(),
        ];

        foreach (string id in forged)
        {
            Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => fleet.AskAsync(streaming: false, options: new ChatOptions { ConversationId = id }));
            Assert.True(failure is ConversationUnavailableException or ClientResultException { Status: 400 or 404 }, $"{id}: {failure}");
        }

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(entry.Resource, entry.PresentedKey));
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
        Assert.Equal("3 messages", (await fleet.AskAsync(streaming: false, options: new ChatOptions { ConversationId = good })).Text);
    }

    private static ChatOptions Continue(ResponseContinuationToken? token) => new() { AllowBackgroundResponses = true, ContinuationToken = token };

    private static RoundRobinOptions Configuration(Fleet fleet, params string[] resources)
    {
        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment };
        foreach (string resource in resources)
        {
            options.Endpoints.Add(fleet.EndpointFor(fleet[resource]));
        }

        return options;
    }

    private static async Task<string> CreateConversationAsync(SimulatedResource resource)
    {
        using HttpClient http = new();
        http.DefaultRequestHeaders.Add("api-key", resource.ApiKey);
        using StringContent nothing = new("{}", Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await http.PostAsync(new Uri(resource.V1Endpoint, "conversations"), nothing, Cancellation);
        return JsonElement.Parse(await answer.Content.ReadAsStringAsync(Cancellation)).GetProperty("id").GetString()!;
    }

    private static Task<Fleet> StartAsync(Action<FleetSetup>? configure = null) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.Api = EndpointApi.Responses;
        setup.Simulator = options => options.Respond(request => $"{request.Messages.Count} messages");
        configure?.Invoke(setup);
    });
}
