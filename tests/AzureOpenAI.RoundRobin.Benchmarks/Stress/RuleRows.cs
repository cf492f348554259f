using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Configuration;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Benchmarks.Stress;

/// <summary>The states of one rule alone: an affinity, a stall, weights, the first failover, the end.</summary>
internal static class RuleRows
{
    private static readonly ChatMessage[] Messages = [new(ChatRole.User, "question")];

    public static IEnumerable<Row> All =>
    [
        .. from inFlight in (int[])[1_000, 10_000]
           select new Row("the end of a call in a pool that is disposed", $"{inFlight:N0} in flight", StressRows.Ours, () => Disposed(inFlight)),
        .. from inFlight in (int[])[1_000, 10_000]
           select new Row("an answer while one endpoint of three has stalled, until that is sure", $"{inFlight:N0} in flight", StressRows.Ours, () => Stalled(inFlight)),
        .. from endpoints in (int[])[10, 1_000]
           from row in Affine(endpoints)
           select row,
        .. from client in (string[])[StressRows.Ours, "ordered failover"]
           select new Row("the first failover of a fresh client", "3 endpoints", client, () => FirstFailover(client)),
        .. from endpoints in (int[])[10, 100, 1_000]
           select new Row("the order of turns by weight", $"{endpoints:N0} endpoints", StressRows.Ours, () => Spread(endpoints)),
    ];

    private static Round Disposed(int inFlight)
    {
        HoldingClient[] clients = StressRows.Holding(2);
        RoundRobinChatClient client = StressRows.Pool(clients);
        StressRows.Fill(client, inFlight);
        client.Dispose();
        return new(inFlight, i => clients[i % 2].Answer(), () => { });
    }

    /// <summary>The first of three has many calls that wait, all younger than its last answer, and none for long enough to be sure.</summary>
    private static Round Stalled(int inFlight)
    {
        HoldingClient[] clients = StressRows.Holding(3);
        RoundRobinChatClient client = StressRows.Pool(clients);
        StressRows.Fill(client, 3 * inFlight);
        for (int i = 0; i < 100; i++)
        {
            clients[1 + (i % 2)].Answer();
        }

        return new(inFlight, i => clients[1 + (i % 2)].Answer(), client.Dispose);
    }

    private static IEnumerable<Row> Affine(int endpoints)
    {
        string size = $"{endpoints:N0} endpoints";
        return
        [
            new("affinity: a call of a conversation that is known", size, StressRows.Ours, () => Affine(endpoints, isKnown: true)),
            new("affinity: the first call of a conversation", size, StressRows.Ours, () => Affine(endpoints, isKnown: false)),
        ];
    }

    private static Round Affine(int endpoints, bool isKnown)
    {
        const int Conversations = 500;
        HoldingClient[] clients = StressRows.Holding(endpoints);
        Array.ForEach(clients, static one => one.Holds = false);
        RoundRobinOptions options = StressRows.Options(clients);
        options.Affinity = EndpointAffinity.PromptCache;
        RoundRobinChatClient client = new(new EndpointPool(ConfigurationResolver.ForPool(options)));
        ChatMessage[][] prompts = [.. Enumerable.Range(0, Conversations + 1).Select(static i => (ChatMessage[])[new(ChatRole.User, $"question {i}")])];
        foreach (ChatMessage[] prompt in isKnown ? prompts : [prompts[Conversations]])
        {
            _ = client.GetResponseAsync(prompt);
        }

        return new(Conversations, i => client.GetResponseAsync(prompts[i]), client.Dispose);
    }

    private static Round FirstFailover(string name)
    {
        const int Clients = 100;
        (IChatClient Client, HoldingClient[] Clients)[] fresh = [.. Enumerable.Range(0, Clients).Select(_ => StressRows.Client(name, StressRows.Holding(3)))];
        foreach (HoldingClient one in fresh.SelectMany(static peer => peer.Clients))
        {
            one.Holds = false;
        }

        // Ours begins anywhere: the one that is next refuses.
        foreach ((IChatClient client, HoldingClient[] clients) in fresh)
        {
            Picker? picker = (client as RoundRobinChatClient)?.Pool.DefaultPicker;
            clients[picker is null ? 0 : Array.IndexOf(picker.Endpoints, picker.Rotation[picker.Turns + 1])].Refusal = HoldingClient.TooMany(60);
        }

        return new(Clients, i => fresh[i].Client.GetResponseAsync(Messages), () => Array.ForEach(fresh, static peer => peer.Client.Dispose()));
    }

    private static Round Spread(int endpoints)
    {
        RoundRobinOptions options = StressRows.Options(StressRows.Holding(endpoints));
        for (int i = 0; i < endpoints; i++)
        {
            options.Endpoints[i].Weight = 1 + (i % 7);
        }

        RoundRobinChatClient client = new(new EndpointPool(ConfigurationResolver.ForPool(options)));
        return new(10, _ => Rotation.Of(client.Pool.DefaultPicker.Endpoints), client.Dispose);
    }
}
