using System.ClientModel;
using System.Globalization;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>Runs one client through one cell: the same calls with the same answers for every client.</summary>
internal sealed class MapRunner(MapCell cell, MapContestant contestant)
{
    private static readonly TimeSpan AfterFailure = TimeSpan.FromMilliseconds(100);

    private readonly VirtualTime _time = new();
    private readonly MapCall[] _calls = cell.Calls();
    private int _made;

    /// <returns>The calls, and what became of them.</returns>
    public async Task<MapCall[]> RunAsync()
    {
        LimitedModel[] models = [.. cell.Limits(_time).Select((limit, i) => new LimitedModel(i, cell, limit, _calls, _time))];
        using IChatClient client = contestant.Create(models, cell, _time);
        await VirtualDriver.RunAsync(_time, cell.Load.Workers == 0 ? CallAllAsync(client) : WorkAllAsync(client));
        return _calls[.._made];
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

            running[i] = CallAsync(client, _made++);
        }

        await Task.WhenAll(running);
    }

    /// <summary>Workers that are never idle, but for a moment after a failure.</summary>
    private Task WorkAllAsync(IChatClient client) => Task.WhenAll(Enumerable.Range(0, cell.Load.Workers).Select(async _ =>
    {
        while (_time.Seconds < cell.Seconds && _made < _calls.Length)
        {
            MapCall call = _calls[_made];
            call.Due = _time.Seconds;
            await CallAsync(client, _made++);
            await (call.Answered ? Task.CompletedTask : Task.Delay(AfterFailure, _time));
        }
    }));

    private async Task CallAsync(IChatClient client, int number)
    {
        MapCall call = _calls[number];
        try
        {
            await client.GetResponseAsync(number.ToString(CultureInfo.InvariantCulture), call.Size.Estimate == 0 ? null : new ChatOptions { MaxOutputTokens = call.Size.Estimate });
            call.Answered = true;
        }
        catch (Exception exception) when (exception is ClientResultException or AggregateException or EndpointsExhaustedException)
        {
            // What a client throws when it gives up is a result.
        }

        call.Ended = _time.Seconds;
    }
}
