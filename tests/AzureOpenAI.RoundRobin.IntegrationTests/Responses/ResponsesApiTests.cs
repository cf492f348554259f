using System.Collections.Concurrent;
using System.Diagnostics;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>Endpoints with the API responses have everything that those with chat have.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class ResponsesApiTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_rotate_and_their_answers_are_whole(bool streaming)
    {
        await using Fleet fleet = await StartAsync(setup => setup.Simulator = options => options.Respond(
            _ => new ChatReply { Text = "hello to you", Usage = new TokenUsage(2000, 30) { CachedTokens = 1024, ReasoningTokens = 20 } }));

        List<Answer> answers = [];
        for (int i = 0; i < 6; i++)
        {
            answers.Add(await fleet.AskAsync(streaming));
        }

        Assert.Equal(["east", "west", "north", "east", "west", "north"], answers.Select(answer => answer.Endpoint));
        Assert.All(answers, answer => Assert.Equal(("hello to you", ChatFinishReason.Stop, 1, 20L), (answer.Text, answer.Response.FinishReason, answer.Attempts, answer.Response.Usage?.ReasoningTokenCount)));
        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal((ApiOperation.Responses, RouteKind.V1, Fleet.Deployment, streaming), (entry.Operation, entry.Route, entry.Deployment, entry.Streamed)));
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((2, 4000, 2048, 60), (status.Answered, status.InputTokens, status.CachedInputTokens, status.OutputTokens)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Tools_are_called(bool streaming)
    {
        await using Fleet fleet = await StartAsync(setup => setup.Simulator = options => options.Respond(request => request.Messages[^1] is { Role: "tool" } result
            ? result.Text
            : ChatReply.FromToolCalls(new ReplyToolCall("forecast", """{"city":"Bern"}"""))));
        using IChatClient client = new ChatClientBuilder(fleet.Client).UseFunctionInvocation().Build();
        ChatOptions options = new() { Tools = [AIFunctionFactory.Create((string city) => $"rain in {city}", "forecast")], RawRepresentationFactory = NotStored };

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal("\"rain in Bern\"", (await client.AskAsync(streaming, "weather?", options, Cancellation)).Text);
        }

        Assert.Equal(6, fleet.Attempts());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Failures_fail_over_by_the_same_rules(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(30)));
        fleet["west"].Faults.Add(Fault.Status(500));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(("north", 3), (answer.Endpoint, answer.Attempts));
        Assert.Equal(
            [EndpointFailureReason.RateLimited, EndpointFailureReason.Failed, null], fleet.Pool.GetStatus().Select(status => status.LastError?.Reason));
    }

    [Theory]
    [InlineData(false, 400, "The requested model does not support the Responses API.", "OperationNotSupported")]
    [InlineData(true, 400, "The requested model does not support the Responses API.", "OperationNotSupported")]
    [InlineData(false, 404, "The Responses API is not enabled in this region.", "NotFound")]
    [InlineData(true, 404, "The Responses API is not enabled in this region.", "NotFound")]
    public async Task Resource_without_the_api_costs_no_call(bool streaming, int status, string message, string code)
    {
        await using Fleet fleet = await StartAsync();
        fleet["east"].Faults.Add(Fault.Status(status, message, code));

        for (int i = 0; i < 6; i++)
        {
            Assert.NotEqual("east", (await fleet.AskAsync(streaming)).Endpoint);
        }
    }

    [Fact]
    public async Task Limits_are_learned_from_its_headers_and_rejections()
    {
        await using Fleet fleet = await StartAsync(setup => setup.Resource = resource => resource.AddDeployment(Fleet.Deployment, deployment =>
        {
            deployment.RequestsPerMinute = 60;
            deployment.RequestWindow = TimeSpan.FromSeconds(1);
        }));

        for (int i = 0; i < 3; i++)
        {
            await fleet.AskAsync(streaming: false);
        }

        Assert.Equal(0, fleet.Ledger.Snapshot().Count(entry => entry.Status == 429));
    }

    [Fact]
    public async Task Both_apis_in_one_pool_each_answer_their_own_models()
    {
        await using Fleet fleet = await StartAsync(setup =>
        {
            setup.Resource = resource => resource.AddDeployment(Fleet.Deployment).AddDeployment("codex");
            setup.Endpoint = (resource, endpoint) =>
            {
                endpoint.Api = resource.Name == "north" ? EndpointApi.Responses : EndpointApi.Chat;
                if (resource.Name == "north")
                {
                    endpoint.Deployments["gpt-5-codex"] = "codex";
                }
            };
        });

        for (int i = 0; i < 4; i++)
        {
            await fleet.AskAsync(streaming: false);
            await fleet.AskAsync(streaming: true, options: new ChatOptions { ModelId = "gpt-5-codex" });
        }

        Assert.Equal([2, 2, 4], new[] { "east", "west", "north" }.Select(fleet.Attempts));
        Assert.All(fleet.Ledger.Snapshot("north"), entry => Assert.Equal((ApiOperation.Responses, "codex"), (entry.Operation, entry.Deployment)));
        Assert.All(fleet.Ledger.Snapshot("east"), entry => Assert.Equal((ApiOperation.Chat, Fleet.Deployment), (entry.Operation, entry.Deployment)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Options_of_chat_completions_only_are_answered_as_the_sdk_reads_them_and_blame_nobody(bool streaming)
    {
        await using Fleet fleet = await StartAsync();
        ChatOptions options = new()
        {
            StopSequences = ["end"],
            FrequencyPenalty = 1,
            PresencePenalty = 1,
            Seed = 7,
            RawRepresentationFactory = static _ => new OpenAI.Chat.ChatCompletionOptions { EndUserId = "user" },
        };

        for (int i = 0; i < 3; i++)
        {
            Assert.EndsWith("hello", (await fleet.AskAsync(streaming, options: options)).Text, StringComparison.Ordinal);
        }

        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Fact]
    public async Task Api_can_change_while_the_pool_runs()
    {
        await using Fleet fleet = await StartAsync(setup => setup.Api = null);
        await fleet.AskAsync(streaming: false);

        RoundRobinOptions options = new() { DeploymentName = Fleet.Deployment, Api = EndpointApi.Responses };
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            options.Endpoints.Add(fleet.EndpointFor(resource));
        }

        fleet.Pool.Update(options);
        await fleet.AskAsync(streaming: false, times: 3);

        Assert.Equal([ApiOperation.Chat, ApiOperation.Responses, ApiOperation.Responses, ApiOperation.Responses], fleet.Ledger.Snapshot().Select(entry => entry.Operation));
    }

    [Fact]
    public async Task Single_endpoint_without_a_pool_speaks_it_too()
    {
        await using Fleet fleet = await StartAsync();
        using IChatClient client = AzureOpenAIRoundRobin.CreateFromEnvironment(options =>
        {
            (options.Enabled, options.DeploymentName) = (false, Fleet.Deployment);
            options.Endpoints.Add(fleet.EndpointFor(fleet["east"]));
        });

        ChatResponse response = await client.GetResponseAsync("hello", cancellationToken: Cancellation);

        Assert.Equal("[east] hello", response.Text);
        Assert.Equal(ApiOperation.Responses, Assert.Single(fleet.Ledger.Snapshot()).Operation);
    }

    [Fact]
    public async Task Span_of_an_attempt_names_the_api()
    {
        // Other tests have spans of their own meanwhile.
        ConcurrentQueue<Activity> spans = [];
        using ActivityListener listener = new()
        {
            ShouldListenTo = source => source.Name == "AzureOpenAI.RoundRobin",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using Activity caller = new Activity("caller").Start();
        await using Fleet fleet = await StartAsync();

        string? id = (await fleet.AskAsync(streaming: false)).Response.ResponseId;
        await fleet.Pool.InvokeAsync((client, own, token) => client.Client.GetResponsesClient().DeleteResponseAsync(own, token), id!, Cancellation);
        await Assert.ThrowsAnyAsync<Exception>(() => fleet.Pool.InvokeAsync((client, token) => client.Client.GetOpenAIFileClient().GetFilesAsync(token), cancellationToken: Cancellation));

        Activity[] own = [.. spans.Where(span => span.TraceId == caller.TraceId)];
        Assert.Equal(["responses", "responses", null], own.Take(3).Select(span => span.GetTagItem("openai.api.type")));
    }

    private static CreateResponseOptions NotStored(IChatClient client) => new() { StoredOutputEnabled = false };

    private static Task<Fleet> StartAsync(Action<FleetSetup>? configure = null) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.Api = EndpointApi.Responses;
        configure?.Invoke(setup);
    });
}
