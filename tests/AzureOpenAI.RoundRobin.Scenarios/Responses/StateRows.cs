using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;
using OpenAI.Responses;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Conversations that one resource keeps, or alone can read.</summary>
internal static class StateRows
{
    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(700);

    private static readonly ChatOptions NotStored = new()
    {
        RawRepresentationFactory = static _ => new CreateResponseOptions { StoredOutputEnabled = false, IncludedProperties = { IncludedResponseProperty.ReasoningEncryptedContent } },
    };

    public static IReadOnlyList<ResponsesRow> All { get; } =
    [
        new("responses-turns", "30 conversations of 4 turns, 8 at a time, called and streamed", "turns lost", "0 of 240", TurnsAsync),
        new("responses-instances", "40 conversations, whose turns two app instances take in turn", "conversations lost", "40 of 40", InstancesAsync),
        new("responses-home-throttled", "6 conversations, whose endpoint throttles for 0.7 s at the second turn", "turns lost", "0 of 6", HomeThrottledAsync),
        new("responses-sealed", "6 conversations of 3 turns that are not stored, with encrypted reasoning", "conversations lost", "6 of 6", static contestant => SealedAsync(contestant, throttles: false)),
        new("responses-sealed-throttled", "the same, and the maker throttles for 20 s at the third turn", "conversations lost", "6 of 6", static contestant => SealedAsync(contestant, throttles: true)),
    ];

    private static async Task<Figure> TurnsAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
        int lost = 0;
        foreach (bool streaming in new[] { false, true })
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, 30), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (_, _) => Interlocked.Add(ref lost, await LostAsync(fleet, streaming, [fleet.Client])));
        }

        return new(lost, 240);
    }

    private static async Task<Figure> InstancesAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
        IChatClient[] instances = [fleet.Client, fleet.CreateAnother()];
        int lost = 0;
        for (int i = 0; i < 40; i++)
        {
            lost += await LostAsync(fleet, streaming: false, i % 2 == 0 ? instances : [instances[1], instances[0]]) > 0 ? 1 : 0;
        }

        return new(lost, 40);
    }

    private static async Task<Figure> HomeThrottledAsync(ResponsesContestant contestant)
    {
        int lost = 0;
        for (int i = 0; i < 6; i++)
        {
            await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
            Reply first = await fleet.AskAsync("turn 0");
            SimulatedResource home = fleet.Azure[fleet.Azure.Ledger.Snapshot()[^1].Resource];
            home.Faults.Add(Fault.Throttle(ShortPause).Times(1));
            Reply second = await fleet.AskAsync("turn 1", options: new ChatOptions { ConversationId = first.ConversationId });
            lost += second.Text == ResponsesFleet.Answer("turn 1", 3) ? 0 : 1;
        }

        return new(lost, 6);
    }

    private static async Task<Figure> SealedAsync(ResponsesContestant contestant, bool throttles)
    {
        int lost = 0;
        for (int i = 0; i < 6; i++)
        {
            await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
            List<ChatMessage> history = [];
            bool isLost = false;
            for (int turn = 0; turn < 3 && !isLost; turn++)
            {
                history.Add(new(ChatRole.User, $"turn {turn}"));
                if (throttles && turn == 2)
                {
                    fleet.Azure[fleet.Azure.Ledger.Snapshot()[^1].Resource].Faults.Add(Fault.Throttle(TimeSpan.FromSeconds(20)).Times(1));
                }

                Reply reply = await fleet.AskAsync(history, options: NotStored);
                isLost = reply.Text != ResponsesFleet.Answer($"turn {turn}", (2 * turn) + 1);
                history.AddMessages(reply.Response ?? new ChatResponse());
            }

            lost += isLost ? 1 : 0;
        }

        return new(lost, 6);
    }

    /// <summary>The turns of a conversation of four that are lost, each turn at the next client.</summary>
    private static async Task<int> LostAsync(ResponsesFleet fleet, bool streaming, IChatClient[] clients)
    {
        string? id = null;
        int lost = 0;
        for (int turn = 0; turn < 4; turn++)
        {
            Reply reply = await fleet.AskAsync($"turn {turn}", streaming, new ChatOptions { ConversationId = id }, clients[turn % clients.Length]);
            lost += reply.Text == ResponsesFleet.Answer($"turn {turn}", (2 * turn) + 1) ? 0 : 1;
            id = reply.ConversationId ?? id;
        }

        return lost;
    }
}
