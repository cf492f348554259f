using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>The states in which calls wait for an endpoint.</summary>
internal static class QueueRows
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    public static IEnumerable<Row> All =>
    [
        .. from waiting in (int[])[1_000, 10_000, 49_000]
           select new Row("a newcomer to a queue; all endpoints stated a time", $"{waiting:N0} waiting", StressRows.Ours, () => Newcomer(null, waiting)),
        .. from perMinute in (int[])[600, 60_000]
           select new Row("a newcomer to a queue; RequestsPerMinute is used up", $"{perMinute:N0} a minute", StressRows.Ours, () => Newcomer(perMinute, 1_000)),
        .. from waiting in (int[])[1_000, 10_000, 100_000]
           from row in Waiters(waiting)
           select row,
        .. from returned in (int[])[1_000, 10_000]
           select new Row("a call that was released and failed joins the queue again", $"{returned:N0} of them", StressRows.Ours, () => Rejoining(returned)),
    ];

    private static Round Newcomer(int? perMinute, int waiting)
    {
        HoldingClient[] clients = StressRows.Holding(3);
        Array.ForEach(clients, one => (one.Holds, one.Refusal) = (false, perMinute is null ? HoldingClient.TooMany(300) : null));
        RoundRobinChatClient client = StressRows.Pool(clients, perMinute, new StillClock());
        while (client.Pool.WaitingCalls < waiting)
        {
            _ = client.GetResponseAsync(Messages);
        }

        return new(500, _ =>
        {
            PickResult result = client.Pool.Balancer.Next(new PickRequest(client.Pool.DefaultPicker) { Patience = TimeSpan.FromHours(1) });
            client.Pool.Balancer.Leave(result.Waiter!);
        }, client.Dispose);
    }

    private static IEnumerable<Row> Waiters(int waiting)
    {
        string size = $"{waiting:N0} waiting";
        return
        [
            new("a call that begins to wait", size, StressRows.Ours, () => Waiting(waiting, (client, calls, callers) => new(waiting, i => calls[i] = client.GetResponseAsync(Messages, null, callers[i].Token), client.Dispose))),
            new("a call that is released together with all others", size, StressRows.Ours, () => Released(waiting)),
            new("a call that is cancelled while it waits", size, StressRows.Ours, () => Waiting(waiting, (client, calls, callers) =>
            {
                for (int i = 0; i < waiting; i++)
                {
                    calls[i] = client.GetResponseAsync(Messages, null, callers[i].Token);
                }

                return new(waiting, i => callers[i].Cancel(), () =>
                {
                    Task.WhenAll(calls).ContinueWith(static _ => { }, TaskScheduler.Default).Wait();
                    client.Dispose();
                });
            })),
        ];
    }

    private static Round Waiting(int waiting, Func<RoundRobinChatClient, Task[], CancellationTokenSource[], Round> step)
    {
        HoldingClient[] clients = StressRows.Holding(3);
        Array.ForEach(clients, static one => one.Refusal = HoldingClient.TooMany(300));
        RoundRobinChatClient client = StressRows.Pool(clients, time: new StillClock());
        while (client.Pool.WaitingCalls == 0)
        {
            _ = client.GetResponseAsync(Messages);
        }

        return step(client, new Task[waiting], [.. Enumerable.Range(0, waiting).Select(static _ => new CancellationTokenSource())]);
    }

    /// <summary>Until a new configuration has an endpoint that takes them all.</summary>
    private static Round Released(int waiting)
    {
        HoldingClient[] clients = StressRows.Holding(4);
        Array.ForEach(clients[1..], static one => one.Refusal = HoldingClient.TooMany(300));
        clients[0].Holds = false;
        RoundRobinChatClient client = new(new EndpointPool(ConfigurationResolver.ForPool(StressRows.Options(clients, skipped: 1)), timeProvider: new StillClock()));
        while (client.Pool.WaitingCalls == 0)
        {
            _ = client.GetResponseAsync(Messages);
        }

        Task[] calls = [.. Enumerable.Range(0, waiting).Select(_ => client.GetResponseAsync(Messages))];
        return new(1, _ => Update(), client.Dispose) { Calls = waiting };

        void Update()
        {
            client.Pool.Update(StressRows.Options(clients));
            Task.WaitAll(calls);
        }
    }

    private static Round Rejoining(int returned)
    {
        HoldingClient[] clients = StressRows.Holding(3);
        Array.ForEach(clients, static one => (one.Holds, one.Refusal) = (false, HoldingClient.TooMany(300)));
        RoundRobinChatClient client = StressRows.Pool(clients, time: new StillClock());
        while (client.Pool.WaitingCalls < 10)
        {
            _ = client.GetResponseAsync(Messages);
        }

        // Each was in the queue, in this order, and left it as one that is released does.
        PickRequest[] requests = [.. Enumerable.Range(0, returned).Select(_ => new PickRequest(client.Pool.DefaultPicker) { Patience = TimeSpan.FromHours(1) })];
        Array.ForEach(requests, request => client.Pool.Balancer.Leave(client.Pool.Balancer.Next(request).Waiter!));
        return new(returned, i => client.Pool.Balancer.Next(requests[returned - 1 - i]), client.Dispose);
    }
}
