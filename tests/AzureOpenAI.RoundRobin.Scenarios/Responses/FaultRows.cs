using AzureOpenAI.Simulator;
using ChatFinishReason = Microsoft.Extensions.AI.ChatFinishReason;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Answers that break at one of three resources, in the ways of the Responses API.</summary>
internal static class FaultRows
{
    private const int BeforeContent = 2;
    private const int AfterContent = 6;

    private const string Unsupported = """{"error":{"message":"The requested model does not support the Responses API.","type":"invalid_request_error","param":null,"code":"OperationNotSupported"}}""";
    private const string NotEnabled = """{"error":{"message":"The Responses API is not enabled in this region.","type":"invalid_request_error","param":null,"code":"NotFound"}}""";

    private static readonly Fault[] Statuses =
        [Fault.Throttle(TimeSpan.FromMilliseconds(700)), Fault.Throttle(), Fault.Status(500), Fault.Status(401), Fault.Response(404, NotEnabled)];

    private static readonly Fault[] Before =
    [
        Fault.EmptyBody(), Fault.ErrorEventAfter(BeforeContent, "It broke.", "server_error"), Fault.FailedAfter(BeforeContent), Fault.FailedAfter(BeforeContent, code: "rate_limit_exceeded"),
        Fault.EndAfter(BeforeContent),
    ];

    private static readonly Fault[] After = [Fault.EndAfter(AfterContent), Fault.ErrorEventAfter(AfterContent, "It broke.", "server_error"), Fault.FailedAfter(AfterContent), Fault.CutAfter(AfterContent)];

    public static IReadOnlyList<ResponsesRow> All { get; } =
    [
        new("responses-status", "429 with a hint and without, 500, 401, 404 (not enabled in this region) at one of three, 6 calls each", "calls lost", "0 of 30", static contestant => LostAsync(contestant, Statuses, streaming: false)),
        new("responses-unsupported", "400 (the model does not support the Responses API) at one of three", "calls lost", "2 of 6", static contestant => LostAsync(contestant, [Fault.Response(400, Unsupported)], streaming: false)),
        new("responses-failed", "whole answers with status failed at one of three", "empty answers", "2 of 6", static contestant => LostAsync(contestant, [Fault.FailedAfter(0)], streaming: false)),
        new("responses-before-content", "streams that break before their content at one of three: empty, error event, failed by two codes, ended", "streams lost or empty", "2 of 6 for each, without an exception", static contestant => LostAsync(contestant, Before, streaming: true)),
        new("responses-after-content", "streams that break after content: ended, error event, failed, reset", "half answers without an exception", "3 of 4", HalfAsync),
        new("responses-incomplete", "answers that reach their length, called and streamed", "answers that do not say so", "2 of 2", IncompleteAsync),
        new("responses-too-long", "3 prompts that are too long for the model, everywhere", "requests beyond the three", "15 of 18, 4.5 s", TooLongAsync),
    ];

    private static async Task<Figure> LostAsync(ResponsesContestant contestant, Fault[] faults, bool streaming)
    {
        int lost = 0;
        foreach (Fault fault in faults)
        {
            await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
            fleet.First.Faults.Add(fault);
            lost += await fleet.CountLostAsync(6, streaming);
        }

        return new(lost, 6 * faults.Length);
    }

    private static async Task<Figure> HalfAsync(ResponsesContestant contestant)
    {
        int silent = 0;
        foreach (Fault fault in After)
        {
            await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant, resources: 1);
            fleet.First.Faults.Add(fault.Times(1));
            silent += (await fleet.AskAsync("one two three", streaming: true)).IsSilentlyWrong(ResponsesFleet.Answer("one two three", 1)) ? 1 : 0;
        }

        return new(silent, After.Length);
    }

    private static async Task<Figure> IncompleteAsync(ResponsesContestant contestant)
    {
        int silent = 0;
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant, resources: 1);
        fleet.First.Faults.Add(Fault.FinishReason("length"));
        foreach (bool streaming in new[] { false, true })
        {
            silent += (await fleet.AskAsync("hello", streaming)).Response?.FinishReason == ChatFinishReason.Length ? 0 : 1;
        }

        return new(silent, 2);
    }

    private static async Task<Figure> TooLongAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant, resources: 2);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.Status(400, "Your input exceeds the context window of this model.", "context_length_exceeded"));
        }

        for (int i = 0; i < 3; i++)
        {
            await fleet.AskAsync("a long prompt");
        }

        int requests = fleet.Azure.Ledger.Snapshot().Count;
        return new(requests - 3, requests);
    }
}
