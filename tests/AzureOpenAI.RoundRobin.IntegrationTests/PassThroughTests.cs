using System.ClientModel;
using System.ClientModel.Primitives;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Azure.AI.OpenAI;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>What goes in reaches the endpoint, and what comes out reaches the caller, over each kind of endpoint.</summary>
public sealed class PassThroughTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<bool, string> Ways => [.. Kinds.SelectMany(static kind => new[] { (false, kind), (true, kind) })];

    private static readonly string[] Kinds = ["classic", "v1", "gateway", "ready-made"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Answers_say_where_they_came_from_and_what_they_cost(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => new ChatReply
        {
            Text = "whole",
            Usage = new TokenUsage(1100, 70) { CachedTokens = 1024, ReasoningTokens = 40 },
            Model = "gpt-4o-2024-11-20",
        });
        fleet["east"].Faults.Add(Fault.Throttle(20.Seconds()).Times(1));

        Answer answer = await fleet.AskAsync(streaming);

        Assert.Equal(kind == "ready-made" ? (null, null) : ("west", 2), (answer.Endpoint, answer.Attempts));
        Assert.Equal([1, 1], [fleet.Attempts("east"), fleet.Attempts("west")]);
        UsageDetails usage = answer.Response.Usage!;
        Assert.Equal((1100, 70, 1170), (usage.InputTokenCount, usage.OutputTokenCount, usage.TotalTokenCount));
        Assert.Equal((1024, 40), (usage.CachedInputTokenCount, usage.ReasoningTokenCount));
        Assert.Equal("gpt-4o-2024-11-20", answer.Response.ModelId);
        Assert.NotNull(answer.Response.ResponseId);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Tools_are_called_and_their_results_go_back(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.Messages[^1].Role == "tool"
            ? $"It is {request.Messages[^1].Text} degrees."
            : ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames.Single(), "{\"city\":\"Bern\"}")));
        fleet["west"].Faults.Add(Fault.Status(500));
        List<string> cities = [];
        AIFunction thermometer = AIFunctionFactory.Create(
            (string city) =>
            {
                cities.Add(city);
                return 21;
            },
            "read_thermometer");
        using IChatClient client = fleet.Client.AsBuilder().UseFunctionInvocation().Build();

        Answer answer = await client.AskAsync(streaming, "How warm is it?", new ChatOptions { Tools = [thermometer] }, Cancellation);

        Assert.Equal("It is 21 degrees.", answer.Response.Messages[^1].Text);
        Assert.Equal(["Bern"], cities);
        Assert.Equal(2, fleet.Ledger.Snapshot().Count(entry => entry.Outcome == LedgerOutcome.Answered));
    }

    [Theory]
    [InlineData("classic")]
    [InlineData("v1")]
    [InlineData("gateway")]
    [InlineData("ready-made")]
    public async Task Structured_output_is_asked_for_and_read(string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.JsonSchema is { } schema && schema.GetProperty("properties").TryGetProperty("population", out _)
            ? "{\"name\":\"Bern\",\"population\":134000}"
            : "no schema came");

        ChatResponse<City> response = await fleet.Client.GetResponseAsync<City>("Which city?", cancellationToken: Cancellation);

        Assert.Equal(new City("Bern", 134000), response.Result);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_schema_reaches_the_endpoint_that_takes_over(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.JsonSchema is { } schema ? schema.GetProperty("properties").EnumerateObject().First().Name : "no schema came");
        fleet["east"].Faults.Add(Fault.Status(500));
        ChatOptions options = new() { ResponseFormat = ChatResponseFormat.ForJsonSchema<City>() };

        Answer answer = await fleet.AskAsync(streaming, options: options);

        Assert.Equal(("name", LedgerOutcome.Answered), (answer.Text, fleet.Ledger.Snapshot().Single(static entry => entry.Resource == "west").Outcome));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Several_tools_at_once_and_a_choice_among_them_pass_through(bool streaming, string kind)
    {
        JsonElement body = default;
        await using Fleet fleet = await StartAsync(kind, request =>
        {
            body = request.Body.Clone();
            return ChatReply.FromToolCalls(new ReplyToolCall("read", "{\"city\":\"Bern\"}"), new ReplyToolCall("read", "{\"city\":\"Basel\"}"));
        });
        fleet["east"].Faults.Add(Fault.Status(503));
        AIFunction read = AIFunctionFactory.Create(static (string city) => city, "read");
        ChatOptions options = new() { Tools = [read], ToolMode = ChatToolMode.RequireSpecific("read"), AllowMultipleToolCalls = true };

        Answer answer = await fleet.AskAsync(streaming, options: options);

        FunctionCallContent[] calls = [.. answer.Response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>()];
        Assert.Equal(["Bern", "Basel"], calls.Select(call => call.Arguments!["city"]!.ToString()));
        Assert.Equal(2, calls.Select(call => call.CallId).Distinct().Count());
        Assert.Equal(ChatFinishReason.ToolCalls, answer.Response.FinishReason);
        Assert.Equal("read", body.GetProperty("tool_choice").GetProperty("function").GetProperty("name").GetString());
        Assert.True(body.GetProperty("parallel_tool_calls").GetBoolean());
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_cache_around_the_pool_answers_what_was_asked_before(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, static request => $"answer to {request.LastUserText}");
        await using ServiceProvider services = new ServiceCollection().AddDistributedMemoryCache().BuildServiceProvider();
        fleet["east"].Faults.Add(Fault.Status(500).Times(1));
        using IChatClient client = fleet.Client.AsBuilder().UseDistributedCache().Build(services);

        Answer[] answers = [await Ask("a"), await Ask("a"), await Ask("b"), await Ask("a")];

        Assert.Equal(["answer to a", "answer to a", "answer to b", "answer to a"], answers.Select(answer => answer.Text));
        Assert.Equal(2, fleet.Ledger.Snapshot().Count(entry => entry.Outcome == LedgerOutcome.Answered));
        (string?, int?, bool)[] origins = kind == "ready-made"
            ? [(null, null, false), (null, null, false), (null, null, false), (null, null, false)]
            : [("west", 2, false), ("west", 0, true), ("east", 1, false), ("west", 0, true)];
        Assert.Equal(origins, answers.Select(static answer => (answer.Response.GetRoundRobinEndpoint(), answer.Response.GetRoundRobinAttempts(), answer.Response.IsRoundRobinCached())));

        Task<Answer> Ask(string prompt) => client.AskAsync(streaming, prompt, null, Cancellation);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_trace_around_the_pool_is_one_call_whatever_it_takes(bool streaming, string kind)
    {
        string source = $"trace-{Guid.NewGuid()}";
        ConcurrentQueue<Activity> ended = new();
        using ActivityListener listener = new()
        {
            ShouldListenTo = said => said.Name == source,
            Sample = static (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using Fleet fleet = await StartAsync(kind, static _ => new ChatReply { Text = "whole", Usage = new TokenUsage(11, 7) });
        fleet["east"].Faults.Add(Fault.Status(500));
        using IChatClient client = fleet.Client.AsBuilder().UseOpenTelemetry(sourceName: source).Build();

        Answer answer = await client.AskAsync(streaming, "hello", null, Cancellation);

        Assert.Equal("whole", answer.Text);
        Activity call = Assert.Single(ended);
        Assert.Equal(("azure.ai.openai", 11, 7), (call.GetTagItem("gen_ai.provider.name") ?? call.GetTagItem("gen_ai.system"), call.GetTagItem("gen_ai.usage.input_tokens"), call.GetTagItem("gen_ai.usage.output_tokens")));
        Assert.NotEqual(ActivityStatusCode.Error, call.Status);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Images_by_address_reach_the_endpoint(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.Body.GetProperty("messages")[0].GetProperty("content").EnumerateArray()
            .Single(part => part.GetProperty("type").GetString() == "image_url").GetProperty("image_url").GetProperty("url").GetString()!);
        ChatMessage message = new(ChatRole.User, [new TextContent("What is this?"), new UriContent("https://example.com/cat.png", "image/png")]);

        Assert.Equal("https://example.com/cat.png", (await fleet.Client.AskAsync(streaming, [message], null, Cancellation)).Text);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Images_reach_the_endpoint_that_takes_over(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.Body.GetProperty("messages")[0].GetProperty("content").EnumerateArray()
            .Single(part => part.GetProperty("type").GetString() == "image_url").GetProperty("image_url").GetProperty("url").GetString()!);
        fleet["east"].Faults.Add(Fault.Status(503));
        ChatMessage message = new(ChatRole.User, [new TextContent("What is this?"), new DataContent(new byte[] { 1, 2, 3 }, "image/png")]);

        Answer answer = await fleet.Client.AskAsync(streaming, [message], null, Cancellation);

        Assert.Equal("data:image/png;base64,AQID", answer.Text);
        Assert.Equal(LedgerOutcome.Answered, fleet.Ledger.Snapshot().Single(static entry => entry.Resource == "west").Outcome);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task The_callers_options_go_out_as_they_are_and_stay_as_they_are(bool streaming, string kind)
    {
        JsonElement body = default;
        await using Fleet fleet = await StartAsync(kind, request =>
        {
            body = request.Body.Clone();
            return "ok";
        });
        fleet["east"].Faults.Add(Fault.Status(500));
        ChatOptions options = new()
        {
            Temperature = 0.25f,
            MaxOutputTokens = 77,
            TopP = 0.5f,
            StopSequences = ["END"],
            Reasoning = new ReasoningOptions { Effort = ReasoningEffort.High },
            RawRepresentationFactory = static _ => new OpenAI.Chat.ChatCompletionOptions { EndUserId = "user-7" },
        };
        string before = JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions);

        await fleet.AskAsync(streaming, options: options);

        Assert.Equal(0.25, body.GetProperty("temperature").GetDouble());
        Assert.Equal(77, body.GetProperty("max_completion_tokens").GetInt32());
        Assert.Equal(0.5, body.GetProperty("top_p").GetDouble());
        Assert.Equal("END", body.GetProperty("stop")[0].GetString());
        Assert.Equal("high", body.GetProperty("reasoning_effort").GetString());
        Assert.Equal("user-7", body.GetProperty("user").GetString());
        Assert.Equal(Fleet.Deployment, body.GetProperty("model").GetString());
        Assert.Equal(before, JsonSerializer.Serialize(options, AIJsonUtilities.DefaultOptions));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Configured_defaults_fill_only_what_the_caller_left_open(bool streaming, string kind)
    {
        List<(string Resource, double? Temperature, int? MaxTokens)> asked = [];
        await using Fleet fleet = await StartAsync(
            kind,
            request =>
            {
                asked.Add((request.Resource, request.Temperature, request.MaxTokens));
                return "ok";
            },
            setup =>
            {
                setup.Pool = options => (options.Temperature, options.MaxOutputTokens) = (0.5f, 500);
                setup.Endpoint = (resource, endpoint) => endpoint.Temperature = resource.Name == "west" ? 0.75f : null;
            });

        await fleet.AskAsync(streaming, times: 2);
        await fleet.AskAsync(streaming, options: new ChatOptions { Temperature = 0, MaxOutputTokens = 5 });

        Assert.Equal([("east", 0.5, 500), ("west", 0.75, 500), ("east", 0d, 5)], asked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_sequence_of_messages_that_can_be_read_once_is_enough(bool streaming)
    {
        await using Fleet fleet = await Fleet.StartAsync(["east", "west"]);
        fleet["east"].Faults.Add(Fault.Status(500));
        int read = 0;

        Answer answer = await fleet.Client.AskAsync(streaming, Once(), null, Cancellation);

        Assert.Equal("[west] only once", answer.Text);
        Assert.Equal(1, read);

        IEnumerable<ChatMessage> Once()
        {
            Assert.Equal(1, ++read);
            yield return new(ChatRole.User, "only once");
        }
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_refusal_or_an_empty_answer_that_ends_well_is_an_answer(bool streaming, string kind)
    {
        await using Fleet fleet = await StartAsync(kind, request => request.LastUserText == "empty"
            ? new ChatReply { Text = "", FinishReason = "content_filter" }
            : new ChatReply { Refusal = "I would rather not." });

        Answer filtered = await fleet.AskAsync(streaming, "empty");
        Assert.Equal(("", ChatFinishReason.ContentFilter), (filtered.Text, filtered.Response.FinishReason));

        await fleet.AskAsync(streaming, "refuse");
        Assert.Equal(2, fleet.Attempts());
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal(0, status.Failed));
    }

    private static Task<Fleet> StartAsync(string kind, Func<AzureOpenAI.Simulator.ChatRequest, ChatReply> responder, Action<FleetSetup>? configure = null) =>
        Fleet.StartAsync(["east", "west"], setup =>
        {
            setup.IsV1 = kind == "v1";
            setup.Resource = resource => resource.PathPrefix = kind == "gateway" ? "/genai/team-7" : "";
            setup.Simulator = options => options.Respond(responder);
            configure?.Invoke(setup);
            if (kind == "ready-made")
            {
                setup.Endpoint += MakeReady;
            }
        });

    private static void MakeReady(SimulatedResource resource, EndpointOptions endpoint)
    {
        (endpoint.Endpoint, endpoint.ApiKey) = (null, null);
        endpoint.ChatClient = new AzureOpenAIClient(resource.Endpoint, new ApiKeyCredential(resource.ApiKey), new AzureOpenAIClientOptions { RetryPolicy = new ClientRetryPolicy(0) })
            .GetChatClient(Fleet.Deployment).AsIChatClient();
    }

    [Description("A city and how many live there")]
    private sealed record City(string Name, int Population);
}
