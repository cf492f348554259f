using System.Text;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.Responses;

/// <summary>Jobs in the background, and what asking for them does to others.</summary>
internal static class JobRows
{
    private static readonly ChatOptions InBackground = new() { AllowBackgroundResponses = true };

    public static IReadOnlyList<ResponsesRow> All { get; } =
    [
        new("responses-poll", "6 jobs are asked for by their token alone, then 6 ordinary calls", "calls lost", "0 of 12, two of three endpoints out", PollAsync),
        new("responses-expired", "one poll of a job that has expired, then 5 ordinary calls", "ordinary calls lost", "5 of 5", ExpiredAsync),
        new("responses-expired-stream", "one such poll a second for 12 s, beside 5 ordinary calls a second", "ordinary calls lost", "54 of 60", ExpiredAgainAsync),
    ];

    private static async Task<Figure> PollAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
        int lost = 0;
        for (int i = 0; i < 6; i++)
        {
            Reply queued = await fleet.AskAsync("work", options: InBackground);
            Reply done = await fleet.AskAsync([], options: Continue(queued.Response?.ContinuationToken));
            lost += done.Text == ResponsesFleet.Answer("work", 1) ? 0 : 1;
        }

        lost += await fleet.CountLostAsync(6);
        int? away = fleet.Client.GetService<EndpointPool>()?.GetStatus().Count(static status => status.State != EndpointState.Healthy);
        return new(lost, 12, away is null ? null : $"{away} endpoints out");
    }

    private static async Task<Figure> ExpiredAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
        await PollExpiredAsync(fleet);
        return new(await fleet.CountLostAsync(5), 5);
    }

    private static async Task<Figure> ExpiredAgainAsync(ResponsesContestant contestant)
    {
        await using ResponsesFleet fleet = await ResponsesFleet.StartAsync(contestant);
        using PeriodicTimer seconds = new(TimeSpan.FromMilliseconds(200));
        List<Task> polls = [];
        List<Task<int>> calls = [];
        for (int i = 0; i < 60 && await seconds.WaitForNextTickAsync(); i++)
        {
            if (i % 5 == 0)
            {
                polls.Add(PollExpiredAsync(fleet));
            }

            calls.Add(fleet.CountLostAsync(1));
        }

        await Task.WhenAll(polls);
        return new((await Task.WhenAll(calls)).Sum(), 60);
    }

    private static async Task PollExpiredAsync(ResponsesFleet fleet)
    {
        Reply queued = await fleet.AskAsync("work", options: InBackground);
        ResponseContinuationToken? expired = queued.Response?.ContinuationToken is not { } token ? null : ResponseContinuationToken.FromBytes(Encoding.Latin1.GetBytes(
            Encoding.Latin1.GetString(token.ToBytes().Span).Replace("resp_0", "resp_f", StringComparison.Ordinal)));
        await fleet.AskAsync([], options: Continue(expired));
    }

    private static ChatOptions Continue(ResponseContinuationToken? token) => new() { AllowBackgroundResponses = true, ContinuationToken = token };
}
