using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text.Json;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Responses;

/// <summary>Conversations that are not stored, and send their reasoning along, which only its maker can decrypt.</summary>
[Trait("Needs", "OpenAI 2.14")]
public sealed class EncryptedReasoningTests
{
    private const string Unreadable = """{"error":{"message":"The item was created under a different Azure OpenAI resource.","type":"invalid_request_error","param":null,"code":null}}""";

    private static readonly ChatOptions NotStored = new()
    {
        RawRepresentationFactory = static _ => new CreateResponseOptions { StoredOutputEnabled = false, IncludedProperties = { IncludedResponseProperty.ReasoningEncryptedContent } },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Every_turn_goes_to_the_maker(bool streaming, bool saved)
    {
        await using Fleet fleet = await StartAsync();

        for (int i = 0; i < 6; i++)
        {
            List<ChatMessage> history = [];
            string? home = null;
            for (int turn = 0; turn < 3; turn++)
            {
                Answer answer = await TurnAsync(fleet, streaming, history, saved);
                home ??= answer.Endpoint;
                Assert.Equal(home, answer.Endpoint);
            }
        }

        Assert.All(fleet.Ledger.Snapshot(), entry => Assert.Equal(200, entry.Status));
        Assert.Equal([6, 6, 6], fleet.Azure.Resources.Select(resource => fleet.Attempts(resource.Name)));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Maker_that_is_throttled_is_left_without_the_reasoning(bool streaming, bool saved)
    {
        await using Fleet fleet = await StartAsync();
        using Counted counted = new();
        List<ChatMessage> history = [];
        await TurnAsync(fleet, streaming, history, saved);
        fleet["east"].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(20)));
        string before = JsonSerializer.Serialize(history, AIJsonUtilities.DefaultOptions);

        Answer second = await fleet.Client.AskAsync(streaming, [.. history, new(ChatRole.User, "go on")], NotStored, Cancellation);

        Assert.Equal(("west", "3 messages", 2), (second.Endpoint, second.Text, second.Attempts));
        Assert.Equal([429, 200], fleet.Ledger.Snapshot().Skip(1).Select(entry => entry.Status ?? 0));
        Assert.Equal(before, JsonSerializer.Serialize(history, AIJsonUtilities.DefaultOptions));
        Assert.Equal(1, counted.Of("west"));
        Assert.Equal("ReasoningLeftOut", Assert.Single(fleet.Logs.GetSnapshot(), entry => entry.Id.Id == 14).Id.Name);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Refused_reasoning_is_left_out_once_and_nobody_is_blamed(bool streaming, bool otherWords)
    {
        await using Fleet fleet = await StartAsync(setup => setup.Pool = options => options.MaxAttempts = 1, marks: false);
        List<ChatMessage> history = [];
        await TurnAsync(fleet, streaming, history);
        if (otherWords)
        {
            fleet["west"].Faults.Add(Fault.Response(400, Unreadable).Times(1));
        }

        Answer second = await fleet.Client.AskAsync(streaming, [.. history, new(ChatRole.User, "go on")], NotStored, Cancellation);

        Assert.Equal(("west", "3 messages", 1), (second.Endpoint, second.Text, second.Attempts));
        Assert.Equal([200, 400, 200], fleet.Ledger.Snapshot().Select(entry => entry.Status ?? 0));
        Assert.All(fleet.Pool.GetStatus(), status => Assert.Equal((EndpointState.Healthy, 0L), (status.State, status.Failed)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Request_that_is_refused_without_it_too_surfaces_after_two_requests(bool streaming)
    {
        await using Fleet fleet = await StartAsync(marks: false);
        List<ChatMessage> history = [];
        await TurnAsync(fleet, streaming, history);
        fleet["west"].Faults.Add(Fault.Response(400, Unreadable));

        await Assert.ThrowsAsync<System.ClientModel.ClientResultException>(() => fleet.Client.AskAsync(streaming, [.. history, new(ChatRole.User, "go on")], NotStored, Cancellation));

        Assert.Equal(3, fleet.Attempts());
    }

    [Fact]
    public async Task Calls_without_reasoning_rotate_as_ever()
    {
        await using Fleet fleet = await StartAsync();

        for (int i = 0; i < 6; i++)
        {
            await fleet.AskAsync(streaming: false);
        }

        Assert.Equal(["east", "west", "north", "east", "west", "north"], fleet.Ledger.Snapshot().Select(entry => entry.Resource));
    }

    private static async Task<Answer> TurnAsync(Fleet fleet, bool streaming, List<ChatMessage> history, bool saved = false)
    {
        history.Add(new(ChatRole.User, "go on"));
        Answer answer = await fleet.Client.AskAsync(streaming, history, NotStored, Cancellation);
        List<ChatMessage> said = [.. answer.Response.Messages];
        history.AddRange(saved ? JsonSerializer.Deserialize<List<ChatMessage>>(JsonSerializer.Serialize(said, AIJsonUtilities.DefaultOptions), AIJsonUtilities.DefaultOptions)! : said);
        return answer;
    }

    private static Task<Fleet> StartAsync(Action<FleetSetup>? configure = null, bool marks = true) => Fleet.StartAsync(["east", "west", "north"], setup =>
    {
        setup.Api = EndpointApi.Responses;
        setup.Simulator = options => options.Respond(request => $"{request.Messages.Count} messages");
        configure?.Invoke(setup);
        Action<RoundRobinOptions>? pool = setup.Pool;
        setup.Pool = options =>
        {
            options.MarkIds = marks;
            pool?.Invoke(options);
        };
    });

    /// <summary>What the counter of the process says. Other tests use other names, or add to the same: so a test reads the difference that it made.</summary>
    private sealed class Counted : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentQueue<string?> _endpoints = [];

        public Counted()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "azure_openai.round_robin.reasoning.left_out")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, _, tags, _) => _endpoints.Enqueue(tags[0].Value as string));
            _listener.Start();
        }

        public int Of(string endpoint) => _endpoints.Count(name => name == endpoint);

        public void Dispose() => _listener.Dispose();
    }
}
