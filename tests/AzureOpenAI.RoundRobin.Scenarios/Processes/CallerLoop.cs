using System.Text.Json;
using AzureOpenAI.RoundRobin.Scenarios.Clients;
using AzureOpenAI.RoundRobin.Scenarios.Load;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using AzureOpenAI.RoundRobin.Scenarios.Server;
using Microsoft.Extensions.AI;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>
/// A process that makes calls, or several in one, each with a pool, a transport and a connection to Redis of its own: reads what it is to do, practises, says that it is ready, and begins with the next line.
/// </summary>
internal static class CallerLoop
{
    private const int PracticeCalls = 20;

    /// <summary>As the start of a host does, until the process knows what the others have found.</summary>
    private static readonly TimeSpan StartWait = TimeSpan.FromMilliseconds(100);

    public static async Task RunAsync()
    {
        CallerSpec[] specs = JsonSerializer.Deserialize<CallerSpec[]>((await Console.In.ReadLineAsync())!, Messages.Json)!;
        TaskCompletionSource begin = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource[] ready = [.. specs.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];
        Task<CallerReport>[] calling = [.. specs.Zip(ready, (spec, practised) => CallAsync(spec, practised, begin.Task))];
        await Task.WhenAny(Task.WhenAll(ready.Select(static practised => practised.Task)), Task.WhenAll(calling));
        await Console.Out.WriteLineAsync("ready");
        await Console.In.ReadLineAsync();
        begin.SetResult();
        await Console.Out.WriteLineAsync(JsonSerializer.Serialize(await Task.WhenAll(calling), Messages.Json));
    }

    private static async Task<CallerReport> CallAsync(CallerSpec spec, TaskCompletionSource practised, Task begin)
    {
        Contestant contestant = Contestant.Everyone.Single(contestant => contestant.Name == spec.Client);
        TimeSpan patience = TimeSpan.FromSeconds(spec.Load.PatienceSeconds);
        // As the package's own connection has it.
        await using ConnectionMultiplexer? redis = spec.Redis is null ? null
            : await ConnectionMultiplexer.ConnectAsync($"{spec.Redis},protocol=resp3,abortConnect=false", static options => options.ReconnectRetryPolicy = new LinearRetry(1000));
        // One finds that an endpoint refuses, and tells the other.
        using (IChatClient finds = Create(spec.Practice, $"practice-{spec.Number}"), hears = Create(spec.Practice, $"practice-{spec.Number}"))
        {
            await new LoadDriver(finds, () => finds, new LoadPlan { AtOnce = PracticeCalls }, spec.Number).RunAsync();
            await new LoadDriver(hears, () => hears, new LoadPlan { AtOnce = PracticeCalls }, spec.Number).RunAsync();
        }

        using ShortLivedClient client = new(() => Create(spec.Fleet, spec.FleetName, spec.PerMinute), spec);
        if (redis is not null)
        {
            client.Start();
            await Task.Delay(StartWait);
        }

        practised.SetResult();
        await begin;
        await Task.Delay(TimeSpan.FromSeconds(spec.DelaySeconds));
        LoadDriver driver = new(client, () => client, spec.Load, spec.Number);
        IReadOnlyList<CallRecord> records = await driver.RunAsync();
        double[] took = [.. records.Where(record => record.Verdict == Verdict.Right).Select(record => Math.Round(record.Milliseconds, 1))];
        string failures = string.Join(", ", records.Where(record => record.Verdict != Verdict.Right).GroupBy(record => record.Exception ?? record.Verdict.ToString()).Select(group => $"{group.Key} x{group.Count()}"));
        return new CallerReport(records.Count, took, 1000 * Percentiles.Of([.. driver.Lateness.Order()], 0.99), failures);

        IChatClient Create(IReadOnlyList<Address> addresses, string fleet, IReadOnlyList<int>? perMinute = null) =>
            redis is null && perMinute is null ? contestant.Create(addresses, patience) : Contestant.OneOfMany(addresses, patience, redis, fleet, perMinute);
    }
}
