using System.Text.Json;
using OpenAI.Responses;

namespace AzureOpenAI.Simulator.Tests;

/// <summary>The ways in which a response of the Responses API breaks, as they are on the wire.</summary>
public sealed class ResponseFaultTests
{
    private const int BeforeContent = 2;
    private const int AfterContent = 6;

    [Theory]
    [InlineData(BeforeContent, false)]
    [InlineData(BeforeContent, true)]
    [InlineData(AfterContent, false)]
    public async Task ErrorEvent_BothShapes_EndsTheStream(int events, bool nested)
    {
        await using var azure = await StartAsync(Fault.ErrorEventAfter(events, "It broke.", "server_error"), nested);

        var lines = await StreamAsync(azure["east"]);

        Assert.Equal(events + 1, lines.Count);
        Assert.Equal("event: error", lines[^1].Name);
        var error = nested ? lines[^1].Json.GetProperty("error") : lines[^1].Json;
        Assert.Equal(("server_error", "It broke."), (error.GetProperty("code").GetString(), error.GetProperty("message").GetString()));
    }

    [Theory]
    [InlineData(BeforeContent)]
    [InlineData(AfterContent)]
    public async Task Failed_Stream_EndsInTheFailedResponse(int events)
    {
        await using var azure = await StartAsync(Fault.FailedAfter(events, "It broke.", "rate_limit_exceeded"));

        var lines = await StreamAsync(azure["east"]);

        var response = lines[^1].Json.GetProperty("response");
        Assert.Equal((events + 1, "event: response.failed", events), (lines.Count, lines[^1].Name, lines[^1].Json.GetProperty("sequence_number").GetInt32()));
        Assert.Equal("failed", response.GetProperty("status").GetString());
        Assert.Equal("rate_limit_exceeded", response.GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Failed_WholeAnswer_HasTheStatusFailed()
    {
        await using var azure = await StartAsync(Fault.FailedAfter(0));
        using var client = Sdk.Responses(azure["east"]);

        var response = await client.AskAsync("hello", streaming: false);

        var raw = Assert.IsType<ResponseResult>(response.RawRepresentation);
        Assert.Equal(ResponseStatus.Failed, raw.Status);
        Assert.Equal("server_error", raw.Error.Code.ToString());
        Assert.Equal(LedgerOutcome.Faulted, Assert.Single(azure.Ledger.Snapshot()).Outcome);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(BeforeContent)]
    [InlineData(AfterContent)]
    public async Task End_Stream_EndsWithoutATerminalEvent(int events)
    {
        await using var azure = await StartAsync(events == 0 ? Fault.EmptyBody() : Fault.EndAfter(events));

        var lines = await StreamAsync(azure["east"]);

        Assert.Equal(events, lines.Count);
        Assert.DoesNotContain(lines, line => line.Name == "event: response.completed");
    }

    [Fact]
    public async Task UnknownEvent_IsSentAndAllGoesOn()
    {
        await using var azure = await StartAsync(Fault.UnknownEventAfter(4));
        using var client = Sdk.Responses(azure["east"]);

        var lines = await StreamAsync(azure["east"]);
        var response = await client.AskAsync("hello", streaming: true);

        Assert.Equal("event: response.simulated_unknown", lines[4].Name);
        Assert.Equal("event: response.completed", lines[^1].Name);
        Assert.Equal("[east] hello", response.Text);
    }

    [Fact]
    public async Task Events_AreNumberedInTheServicesOrder()
    {
        await using var azure = await Simulators.StartOneAsync();

        var lines = await StreamAsync(azure["east"]);

        Assert.Equal(Enumerable.Range(0, lines.Count), lines.Select(line => line.Json.GetProperty("sequence_number").GetInt32()));
        Assert.Equal(
            ["created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done", "output_item.done", "completed"],
            lines.Select(line => line.Name["event: response.".Length..]));
    }

    private static Task<AzureOpenAISimulator> StartAsync(Fault fault, bool nested = false) => Simulators.StartOneAsync(resource => resource
        .AddFault(fault)
        .AddDeployment("gpt-4o", deployment => deployment.StreamFormat = new StreamFormat { NestedErrors = nested }));

    private static async Task<List<(string Name, JsonElement Json)>> StreamAsync(SimulatedResource resource)
    {
        using var client = new WireClient(resource);
        var answer = await client.PostAsync("openai/v1/responses", """{"model":"gpt-4o","input":"hello","stream":true}""", WireClient.Key(resource.ApiKey));
        string[] lines = answer.Body.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. lines.Chunk(2).Select(pair => (pair[0], JsonElement.Parse(pair[1]["data: ".Length..])))];
    }
}
