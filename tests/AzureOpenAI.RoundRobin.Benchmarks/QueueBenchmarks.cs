using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Configuration;
using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What it costs to wait: a newcomer that joins a queue and leaves it again, and a whole call that is cancelled in it. The clock stands still, so the queue does not move.</summary>
public class QueueBenchmarks
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    private RoundRobinChatClient _client = null!;

    /// <summary>Why the calls wait: each endpoint has stated a time, or its limit of so many requests a minute is used up.</summary>
    [Params("stated", "600 a minute", "60000 a minute")]
    public string Reason { get; set; } = "";

    [Params(1, 1_000, 10_000)]
    public int Waiting { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int? perMinute = Reason == "stated" ? null : int.Parse(Reason.Split(' ')[0]);
        RoundRobinOptions options = new() { MaxWait = TimeSpan.FromHours(1), MaxWaiting = int.MaxValue };
        for (int i = 0; i < 3; i++)
        {
            options.Endpoints.Add(new() { Name = $"{i}", ChatClient = perMinute is null ? new RefusingClient() : new FakeClient(false), RequestsPerMinute = perMinute });
        }

        _client = new(new EndpointPool(ConfigurationResolver.ForPool(options), timeProvider: new StillClock()));
        while (_client.Pool.WaitingCalls < Waiting)
        {
            _ = _client.GetResponseAsync(Messages);
        }
    }

    [Benchmark]
    public bool Newcomer()
    {
        PickResult result = _client.Pool.Balancer.Next(new PickRequest(_client.Pool.DefaultPicker) { Patience = TimeSpan.FromHours(1) });
        return _client.Pool.Balancer.Leave(result.Waiter!);
    }

    [Benchmark]
    public async Task CancelledCall()
    {
        using CancellationTokenSource caller = new();
        Task<ChatResponse> call = _client.GetResponseAsync(Messages, null, caller.Token);
        await caller.CancelAsync();
        await call.ContinueWith(static _ => { }, TaskScheduler.Default);
    }

    [GlobalCleanup]
    public void Cleanup() => _client.Dispose();
}
