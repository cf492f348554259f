using System.ClientModel;
using Microsoft.Extensions.AI;
using OpenAI;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The real SDK reads what the simulator writes.</summary>
public sealed class SdkTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Call_AzureClient_ReadsAnswer()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = Sdk.Classic(azure["east"]);

        var response = await client.GetResponseAsync("good morning", cancellationToken: Cancellation);

        Assert.Equal("[east] good morning", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("gpt-4o-2024-11-20", response.ModelId);
        Assert.Equal(3, response.Usage?.InputTokenCount);
        Assert.Equal("east", Assert.Single(azure.Ledger.Snapshot()).PresentedKey);
    }

    [Fact]
    public async Task Stream_AzureClient_ReadsAllUpdates()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = Sdk.Classic(azure["east"]);

        var updates = await client.GetStreamingResponseAsync("one two three", cancellationToken: Cancellation).ToListAsync(Cancellation);
        var response = updates.ToChatResponse();

        Assert.Equal("[east] one two three", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(5, response.Usage?.OutputTokenCount);
        Assert.True(updates.Count(update => update.Text.Length > 0) > 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public async Task Stream_OddFormat_ReadsAlike(int pieceSize)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddDeployment("gpt-4o", deployment =>
        {
            deployment.StreamFormat = new StreamFormat { CarriageReturns = true, KeepAliveComments = true, FilterAnnotations = true, PieceSize = pieceSize };
            deployment.Respond(_ => "Grüße, 漢字 und mehr");
        }));
        using var client = Sdk.Classic(azure["east"]);

        var response = await client.GetStreamingResponseAsync("hello", cancellationToken: Cancellation).ToChatResponseAsync(Cancellation);

        Assert.Equal("Grüße, 漢字 und mehr", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ToolCall_AzureClient_ReadsArguments(bool streaming)
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(request =>
            ChatReply.FromToolCalls(
                new ReplyToolCall(request.ToolNames[0], """{"city":"Zürich","days":3}"""),
                new ReplyToolCall(request.ToolNames[0], """{"city":"Bern"}""", "call_two"))));
        using var client = Sdk.Classic(azure["east"]);
        var options = new ChatOptions { Tools = [AIFunctionFactory.Create((string city, int days) => city, "forecast")] };

        var response = streaming
            ? await client.GetStreamingResponseAsync("weather?", options, Cancellation).ToChatResponseAsync(Cancellation)
            : await client.GetResponseAsync("weather?", options, Cancellation);

        var calls = response.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>().ToList();
        Assert.Equal(ChatFinishReason.ToolCalls, response.FinishReason);
        Assert.Equal(["forecast", "forecast"], calls.Select(call => call.Name));
        Assert.Equal("Zürich", calls[0].Arguments?["city"]?.ToString());
        Assert.Equal("call_two", calls[1].CallId);
    }

    [Fact]
    public async Task StructuredOutput_AzureClient_ReadsType()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.Respond(request =>
            request.JsonSchema is null ? "no schema" : """{"City":"Bern","Days":3}"""));
        using var client = Sdk.Classic(azure["east"]);

        var response = await client.GetResponseAsync<Trip>("plan", cancellationToken: Cancellation);

        Assert.Equal(new Trip("Bern", 3), response.Result);
    }

    [Fact]
    public async Task Call_V1ClientWithStockKey_ReadsAnswer()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var client = new OpenAIClient(new ApiKeyCredential(azure["east"].ApiKey), new OpenAIClientOptions { Endpoint = azure["east"].V1Endpoint })
            .GetChatClient("gpt-4o").AsIChatClient();

        var response = await client.GetResponseAsync("over v1", cancellationToken: Cancellation);

        Assert.Equal("[east] over v1", response.Text);
        Assert.Equal((RouteKind.V1, "east"), azure.Ledger.Snapshot().Select(entry => (entry.Route, entry.PresentedKey)).Single());
    }

    [Fact]
    public async Task Embeddings_AzureClient_ReadsSameVectorForSameText()
    {
        await using var azure = await Simulators.StartOneAsync();
        using var generator = Sdk.Of(azure["east"]).GetEmbeddingClient("gpt-4o").AsIEmbeddingGenerator();

        var embeddings = await generator.GenerateAsync(["a", "b", "a"], cancellationToken: Cancellation);

        Assert.Equal(3, embeddings.Count);
        Assert.Equal(1536, embeddings[0].Vector.Length);
        Assert.True(embeddings[0].Vector.Span.SequenceEqual(embeddings[2].Vector.Span));
        Assert.False(embeddings[0].Vector.Span.SequenceEqual(embeddings[1].Vector.Span));
        Assert.Equal(3, embeddings.Usage?.InputTokenCount);
    }

    [Fact]
    public async Task Call_Throttled_SdkSeesStatusAndHeaders()
    {
        await using var azure = await Simulators.StartOneAsync(resource => resource.AddFault(Fault.Throttle(TimeSpan.FromMilliseconds(1500))));
        using var client = Sdk.Classic(azure["east"]);

        var exception = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync("hello", cancellationToken: Cancellation));

        var headers = exception.GetRawResponse()!.Headers;
        Assert.Equal(429, exception.Status);
        Assert.True(headers.TryGetValue("retry-after-ms", out string? milliseconds));
        Assert.Equal("1500", milliseconds);
        Assert.True(headers.TryGetValue("Retry-After", out string? seconds));
        Assert.Equal("2", seconds);
    }

    private sealed record Trip(string City, int Days);
}
