using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>What some calls do to the others while a load lasts.</summary>
internal static class LoadRows
{
    private const int StandardCalls = 284;

    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Stuck = TimeSpan.FromSeconds(5);

    private static readonly ChatOptions Flex = new() { RawRepresentationFactory = static _ => new CreateResponseOptions { ServiceTier = new ResponseServiceTier("flex") } };

    public static IReadOnlyList<ResponsesRow> All { get; } =
    [
        new("responses-hang", "one of three never answers, 6 workers call one after the other for 15 s", "workers stuck for 5 s", "6 of 6, after 16 calls", HangAsync),
        new("responses-flex", "19 standard calls a second for 15 s, beside two flex calls a second that are rejected for 5 s each", "standard calls not answered by then", "265 of 284 (chat completions)", FlexAsync),
    ];

    private static async Task<Figure> HangAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant, static options =>
        {
            foreach (ResourceOptions resource in options.Resources)
            {
                resource.Latency = Latency.Constant(TimeSpan.FromMilliseconds(60));
            }
        });
        fleet.First.Faults.Add(Fault.NeverAnswer());
        using CancellationTokenSource over = new(Lasts);
        int answered = 0;
        long[] asked = new long[6];
        Task[] workers = [.. Enumerable.Range(0, asked.Length).Select(i => Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                asked[i] = Environment.TickCount64;
                await fleet.Client.GetResponseAsync("hello", cancellationToken: over.Token);
                Interlocked.Increment(ref answered);
            }
        }))];
        await Task.WhenAll(workers).ContinueWith(static _ => { }, TaskScheduler.Default);
        return new(asked.Count(at => Environment.TickCount64 - at >= Stuck.TotalMilliseconds), asked.Length, $"{answered} answered");
    }

    private static async Task<Figure> FlexAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant, resources: 2);
        foreach (SimulatedResource resource in fleet.Azure.Resources)
        {
            resource.Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(5)).ForServiceTier("flex"));
        }

        using PeriodicTimer turns = new(Lasts / StandardCalls);
        List<Task<Reply>> standard = [];
        List<Task<Reply>> flex = [];
        for (int i = 0; i < StandardCalls && await turns.WaitForNextTickAsync(); i++)
        {
            standard.Add(fleet.AskAsync("hello"));
            if (i % (StandardCalls / 30) == 0)
            {
                flex.Add(fleet.AskAsync("hello", options: Flex));
            }
        }

        await Task.WhenAny(Task.WhenAll(standard), Task.Delay(TimeSpan.FromMilliseconds(200)));
        int answered = standard.Count(static call => call is { IsCompletedSuccessfully: true, Result.Failure: null });
        await Task.WhenAll([.. standard, .. flex]);
        return new(StandardCalls - answered, StandardCalls);
    }
}
