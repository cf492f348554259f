using System.ClientModel;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using AzureOpenAI.Simulator;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>Runs one client through one cell: an open loop, the same calls with the same answers for every client.</summary>
internal sealed class MapRunner(MapCell cell, MapContestant contestant)
{
    private readonly VirtualTime _time = new();
    private readonly MapCall[] _calls = cell.Calls();

    /// <returns>The calls, and what became of them.</returns>
    public async Task<MapCall[]> RunAsync()
    {
        SimulatorClock clock = new(_time);
        using IChatClient client = contestant.Create([.. cell.Rules.Select(rules => new LimitedModel(new Limiter(rules, [], clock), cell.Hint, _calls, _time))], _time, cell.Seed);
        await VirtualDriver.RunAsync(_time, CallAllAsync(client));
        return _calls;
    }

    private async Task CallAllAsync(IChatClient client)
    {
        Task[] running = new Task[_calls.Length];
        for (int i = 0; i < _calls.Length; i++)
        {
            TimeSpan wait = TimeSpan.FromSeconds(_calls[i].Due - _time.Seconds);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, _time);
            }

            running[i] = CallAsync(client, i);
        }

        await Task.WhenAll(running);
    }

    private async Task CallAsync(IChatClient client, int number)
    {
        MapCall call = _calls[number];
        try
        {
            await client.GetResponseAsync(number.ToString(CultureInfo.InvariantCulture));
            call.Answered = true;
        }
        catch (Exception exception) when (exception is ClientResultException or AggregateException or EndpointsExhaustedException)
        {
            // What a client throws when it gives up is a result.
        }

        call.Ended = _time.Seconds;
    }
}
