using System.Net.Sockets;
using System.Text.Json;

namespace AzureOpenAI.Simulator.Tests;

public sealed class AnswerFaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public async Task CutAfter_Stream_SendsExactlyTheEventsThenResets(int events)
    {
        await using var azure = await StartAsync(Fault.CutAfter(events));
        using var client = new WireClient(azure["east"]);

        using var response = await client.StartChatAsync("hello", stream: true, Cancellation);
        var (lines, failure) = await ReadAsync(response);

        var entry = Assert.Single(azure.Ledger.Snapshot());
        Assert.Equal(events, lines.Count);
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(failure?.GetBaseException()).SocketErrorCode);
        Assert.Equal((LedgerOutcome.Faulted, events, 200), (entry.Outcome, entry.EventsSent, entry.Status));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task EndAfter_Stream_EndsCleanlyWithoutDone(int events)
    {
        await using var azure = await StartAsync(Fault.EndAfter(events));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.Equal(events, answer.Events.Count);
        Assert.DoesNotContain("[DONE]", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("\"stop\"", answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task ErrorEventAfter_Stream_EndsInTheError(int events)
    {
        await using var azure = await StartAsync(Fault.ErrorEventAfter(events, "It broke."));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync(stream: true);

        Assert.Equal(200, answer.Status);
        Assert.Equal(events + 1, answer.Events.Count);
        Assert.Equal("""{"error":{"message":"It broke.","type":"server_error","param":null,"code":null}}""", answer.Events[^1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task StallAfter_Stream_SendsTheEventsAndThenNothing(int events)
    {
        await using var azure = await StartAsync(Fault.StallAfter(events));
        using var client = new WireClient(azure["east"]);

        using (var response = await client.StartChatAsync("hello", stream: true, Cancellation))
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
            for (int i = 0; i < events; i++)
            {
                Assert.StartsWith("data: {", await reader.ReadLineAsync(Cancellation), StringComparison.Ordinal);
                Assert.Equal("", await reader.ReadLineAsync(Cancellation));
            }

            var next = reader.ReadLineAsync(Cancellation);
            var stalled = await azure.Ledger.WaitForAsync(entries => entries[0].EventsSent == events, Cancellation);
            Assert.Equal(LedgerOutcome.InProgress, stalled[0].Outcome);
            Assert.False(next.IsCompleted);
        }

        var ended = await azure.Ledger.WaitForAsync(entries => entries[0].CompletedAt is not null, Cancellation);
        Assert.Equal(LedgerOutcome.AbortedByClient, ended[0].Outcome);
    }

    [Fact]
    public async Task CutAfter_Call_ResetsInTheMiddleOfTheBody()
    {
        await using var azure = await StartAsync(Fault.CutAfter(0));
        using var client = new WireClient(azure["east"]);

        using var response = await client.StartChatAsync("hello", stream: false, Cancellation);
        var exception = await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync(Cancellation));

        Assert.Equal(200, (int)response.StatusCode);
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(exception.GetBaseException()).SocketErrorCode);
    }

    [Fact]
    public async Task EndAfter_Call_IsTruncatedJson()
    {
        await using var azure = await StartAsync(Fault.EndAfter(0));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync();

        Assert.Equal(200, answer.Status);
        Assert.StartsWith("{\"choices\":[", answer.Body, StringComparison.Ordinal);
        Assert.ThrowsAny<JsonException>(() => answer.Json);
    }

    [Fact]
    public async Task ErrorEventAfter_Call_IsErrorBodyWithStatus200()
    {
        await using var azure = await StartAsync(Fault.ErrorEventAfter(2));
        using var client = new WireClient(azure["east"]);

        var answer = await client.ChatAsync();

        Assert.Equal(200, answer.Status);
        Assert.Contains("overloaded", answer.Json.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StallAfter_Call_StopsInTheMiddleOfTheBody()
    {
        await using var azure = await StartAsync(Fault.StallAfter(0));
        using var client = new WireClient(azure["east"]);
        using var patience = new CancellationTokenSource();

        using var response = await client.StartChatAsync("hello", stream: false, Cancellation);
        var body = await response.Content.ReadAsStreamAsync(Cancellation);
        int read = await body.ReadAsync(new byte[1], Cancellation);
        var rest = body.CopyToAsync(Stream.Null, patience.Token);
        await patience.CancelAsync();

        Assert.Equal(1, read);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rest);
    }

    [Fact]
    public async Task FinishReason_BothForms_IsTheScripted()
    {
        await using var azure = await StartAsync(Fault.FinishReason("guardrail"));
        using var client = new WireClient(azure["east"]);

        var whole = await client.ChatAsync();
        var streamed = await client.ChatAsync(stream: true);

        Assert.Equal("guardrail", whole.Json.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Contains("\"finish_reason\":\"guardrail\"", streamed.Events[^2], StringComparison.Ordinal);
        Assert.All(azure.Ledger.Snapshot(), entry => Assert.Equal("finish reason", entry.Fault));
    }

    [Fact]
    public async Task AnswerFault_RefusedRequest_IsNotUsedUp()
    {
        await using var azure = await StartAsync(Fault.EndAfter(0).Times(1));
        using var client = new WireClient(azure["east"]);

        var refused = await client.ChatAsync(deployment: "unknown");
        var spoiled = await client.ChatAsync(stream: true);
        var whole = await client.ChatAsync(stream: true);

        Assert.Equal(404, refused.Status);
        Assert.Empty(spoiled.Events);
        Assert.Equal("[DONE]", whole.Events[^1]);
    }

    private static Task<AzureOpenAISimulator> StartAsync(Fault fault) => Simulators.StartOneAsync(resource => resource.AddFault(fault));

    private static async Task<(List<string> Lines, Exception? Failure)> ReadAsync(HttpResponseMessage response)
    {
        var lines = new List<string>();
        try
        {
            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
            while (await reader.ReadLineAsync(Cancellation) is { } line)
            {
                if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    lines.Add(line);
                }
            }

            return (lines, null);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            return (lines, exception);
        }
    }
}
