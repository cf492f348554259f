using System.ClientModel;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Time.Testing;
using OpenAI.Responses;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The Responses API, by the real SDK.</summary>
public sealed class ResponsesTests
{
    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_BothForms_IsRead(bool streaming)
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = Sdk.Responses(azure["east"]);

        var response = await client.AskAsync("one two three", streaming);

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal("[east] one two three", response.Text);
        Assert.Equal("gpt-4o-2024-11-20", response.ModelId);
        Assert.Equal((4, 5), (response.Usage?.InputTokenCount, response.Usage?.OutputTokenCount));
        Assert.Equal((ApiOperation.Responses, RouteKind.V1, "gpt-4o", streaming), (entry.Operation, entry.Route, entry.Deployment, entry.Streamed));
        Assert.Equal((LedgerOutcome.Answered, "one two three"), (entry.Outcome, entry.LastUserText));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ToolCall_BothForms_IsReadAndAnswered(bool streaming)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(request => request.Messages[^1] is { Role: "tool" } result
            ? $"{result.ToolCallId}: {result.Text}"
            : ChatReply.FromToolCalls(new ReplyToolCall(request.ToolNames[0], """{"city":"Zürich"}""", "call_one"))));
        using var client = new ChatClientBuilder(Sdk.Responses(azure["east"])).UseFunctionInvocation().Build();
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create((string city) => $"rain in {city}", "forecast")] };

        var response = await client.AskAsync("weather?", streaming, options);

        Assert.Equal("call_one: \"rain in Zürich\"", response.Text);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Refusal_BothForms_IsRead(bool streaming)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(_ => new ChatReply { Refusal = "I will not." }));
        using var client = Sdk.Responses(azure["east"]);

        var response = await client.AskAsync("please", streaming);

        Assert.Contains(response.Messages.SelectMany(message => message.Contents), content => content is ErrorContent { Message: "I will not." });
    }

    [Theory]
    [InlineData("length", ResponseStatus.Incomplete)]
    [InlineData("stop", ResponseStatus.Completed)]
    public async Task FinishReason_Scripted_IsTheStatus(string reason, ResponseStatus expected)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.FinishReason(reason)));
        using var client = Sdk.Responses(azure["east"]);

        var whole = await client.GetResponseAsync("hello", cancellationToken: Cancellation);
        var streamed = await client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ToListAsync(Cancellation);

        Assert.Equal(expected, Assert.IsType<ResponseResult>(whole.RawRepresentation).Status);
        Assert.Equal("[east] hello", whole.Text);
        Assert.IsType(
            expected == ResponseStatus.Completed ? typeof(StreamingResponseCompletedUpdate) : typeof(StreamingResponseIncompleteUpdate),
            streamed[^1].RawRepresentation,
            exactMatch: false);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task PreviousResponse_GoesOn(bool streaming)
    {
        await using var azure = await StartCountingAsync();
        using var client = Sdk.Responses(azure["east"]);

        var first = await client.AskAsync("one", streaming);
        var second = await client.AskAsync("two", streaming, new ChatOptions { ConversationId = first.ConversationId });
        var third = await client.AskAsync("three", streaming, new ChatOptions { ConversationId = second.ConversationId });

        Assert.Equal(["1 messages", "3 messages", "5 messages"], [first.Text, second.Text, third.Text]);
        Assert.StartsWith("resp_", first.ConversationId, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PreviousResponse_OfAnotherResource_Is400()
    {
        await using var azure = await StartCountingAsync();
        using var east = Sdk.Responses(azure["east"]);
        using var west = Sdk.Responses(azure["west"]);

        var first = await east.AskAsync("one", streaming: false);
        var exception = await Assert.ThrowsAsync<ClientResultException>(
            () => west.AskAsync("two", streaming: false, new ChatOptions { ConversationId = first.ConversationId }));

        Assert.Equal(400, exception.Status);
        Assert.Contains("previous_response_not_found", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conversation_KeepsWhatWasSaid_AtItsResourceOnly()
    {
        await using var azure = await StartCountingAsync();
        using var wire = new WireClient(azure["east"]);
        using var east = Sdk.Responses(azure["east"]);
        using var west = Sdk.Responses(azure["west"]);

        var created = await wire.PostAsync("openai/v1/conversations", "{}", WireClient.Key(azure["east"].ApiKey));
        var options = new ChatOptions { ConversationId = created.Json.GetProperty("id").GetString() };
        var first = await east.AskAsync("one", streaming: false, options);
        var second = await east.AskAsync("two", streaming: true, options);
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => west.AskAsync("three", streaming: false, options));

        Assert.StartsWith("conv_", options.ConversationId, StringComparison.Ordinal);
        Assert.Equal((options.ConversationId, "1 messages"), (first.ConversationId, first.Text));
        Assert.Equal("3 messages", second.Text);
        Assert.Equal(404, exception.Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SealedReasoning_OpensAtItsResourceOnly(bool streaming)
    {
        await using var azure = await StartCountingAsync();
        using var east = Sdk.Responses(azure["east"]);
        using var west = Sdk.Responses(azure["west"]);
        var options = new ChatOptions
        {
            RawRepresentationFactory = _ => new CreateResponseOptions { StoredOutputEnabled = false, IncludedProperties = { IncludedResponseProperty.ReasoningEncryptedContent } },
        };

        var first = await east.AskAsync("one", streaming, options);
        List<ChatMessage> history = [new(ChatRole.User, "one"), .. first.Messages, new(ChatRole.User, "two")];
        var second = await east.GetResponseAsync(history, options, Cancellation);
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => west.GetResponseAsync(history, options, Cancellation));

        Assert.Contains(first.Messages.SelectMany(message => message.Contents), content => content is TextReasoningContent { ProtectedData.Length: > 0 });
        Assert.Equal("3 messages", second.Text);
        Assert.Equal(400, exception.Status);
        Assert.Contains("invalid_encrypted_content", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BackgroundJob_IsPolledUntilItsTime()
    {
        var time = new FakeTimeProvider();
        await using var azure = await Simulators.StartOneAsync(resource => resource.Latency = Latency.Constant(TimeSpan.FromSeconds(30)), time);
        using var client = Sdk.Responses(azure["east"]);

        var queued = await client.GetResponseAsync("long work", InBackground, Cancellation);
        var running = await client.GetResponseAsync([], Continue(queued.ContinuationToken), Cancellation);
        time.Advance(TimeSpan.FromSeconds(31));
        var done = await client.GetResponseAsync([], Continue(running.ContinuationToken), Cancellation);

        Assert.Equal(("", ""), (queued.Text, running.Text));
        Assert.Equal("[east] long work", done.Text);
        Assert.Null(done.ContinuationToken);
        Assert.Equal([ApiOperation.Responses, ApiOperation.ResponseRead, ApiOperation.ResponseRead], azure.Ledger.Snapshot().Select(entry => entry.Operation));
    }

    [Fact]
    public async Task BackgroundStream_BrokenOff_GoesOnWhereItBroke()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.CutAfter(7).Times(1)));
        using var client = Sdk.Responses(azure["east"]);
        var updates = new List<ChatResponseUpdate>();

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var update in client.GetStreamingResponseAsync("one two three four", InBackground, Cancellation))
            {
                updates.Add(update);
            }
        });
        string before = string.Concat(updates.Select(update => update.Text));
        updates.AddRange(await client.GetStreamingResponseAsync([], Continue(updates[^1].ContinuationToken), Cancellation).ToListAsync(Cancellation));

        Assert.Equal("[east] one two", before);
        Assert.Equal("[east] one two three four", string.Concat(updates.Select(update => update.Text)));
    }

    [Fact]
    public async Task CancelAndDelete_OfAJob()
    {
        await using var azure = await StartCountingAsync(resource => resource.Latency = Latency.Constant(TimeSpan.FromHours(1)));
        var client = Sdk.Of(azure["east"].V1Endpoint, azure["east"].ApiKey).GetResponsesClient();
        using var chat = client.AsIChatClient("gpt-4o");

        var job = await chat.GetResponseAsync("long work", InBackground, Cancellation);
        var cancelled = await client.CancelResponseAsync(job.ResponseId, Cancellation);
        var deleted = await client.DeleteResponseAsync(job.ResponseId, Cancellation);
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(job.ResponseId, cancellationToken: Cancellation));

        Assert.Equal(ResponseStatus.Cancelled, cancelled.Value.Status);
        Assert.True(deleted.Value.Deleted);
        Assert.Equal(404, exception.Status);
    }

    [Fact]
    public async Task NotStored_IsUnknownAfterwards()
    {
        await using var azure = await StartCountingAsync();
        var client = Sdk.Of(azure["east"].V1Endpoint, azure["east"].ApiKey).GetResponsesClient();
        using var chat = client.AsIChatClient("gpt-4o");

        var answer = await chat.GetResponseAsync(
            "hello", new ChatOptions { RawRepresentationFactory = _ => new CreateResponseOptions { StoredOutputEnabled = false } }, Cancellation);
        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(answer.ResponseId, cancellationToken: Cancellation));

        Assert.Equal(404, exception.Status);
    }

    [Fact]
    public async Task ServiceTier_FaultOfOneTier_SparesTheOther()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.Throttle().ForServiceTier("flex")));
        using var client = Sdk.Responses(azure["east"]);
        var flex = new ChatOptions { RawRepresentationFactory = _ => new CreateResponseOptions { ServiceTier = "flex" } };

        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("hello", flex, Cancellation));
        var standard = await client.GetResponseAsync("hello", cancellationToken: Cancellation);

        Assert.Equal(429, exception.Status);
        Assert.Equal("[east] hello", standard.Text);
        Assert.Equal(["flex", null], azure.Ledger.Snapshot().Select(entry => entry.ServiceTier));
    }

    private static ChatOptions Continue(ResponseContinuationToken? token) => new() { AllowBackgroundResponses = true, ContinuationToken = token };

    private static Task<AzureOpenAISimulator> StartCountingAsync(Action<ResourceOptions>? configure = null) => AzureOpenAISimulator.StartAsync(
        options =>
        {
            options.Respond(request => $"{request.Messages.Count} messages");
            options.AddResource("east", configure).AddResource("west", configure);
        },
        Cancellation);
}
