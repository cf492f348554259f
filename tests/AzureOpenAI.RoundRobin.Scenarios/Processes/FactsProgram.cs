using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AzureOpenAI.RoundRobin.Scenarios.Reporting;
using StackExchange.Redis;

namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>How long a fact takes from one process to all others, each with a connection of its own: from the call of <see cref="IPoolBackplane.Publish"/> to the last one's handler.</summary>
internal static class FactsProgram
{
    private const int Facts = 500, Practice = 20;

    private const string Header = """
        | processes | facts | first to hear, ms p50 | last to hear, ms p50 | p99 | most |
        |--:|--:|--:|--:|--:|--:|
        """;

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(20), Patience = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(Arguments arguments)
    {
        await using RedisProcess redis = await RedisProcess.StartAsync(arguments.Redis);
        Console.WriteLine(Header);
        foreach (int processes in arguments.Processes.DefaultIfEmpty(16))
        {
            Console.WriteLine(await MeasureAsync(redis.Address, processes));
        }

        Console.WriteLine($"\n{ResultFile.Machine}.");
    }

    private static async Task<string> MeasureAsync(string address, int processes)
    {
        List<ConnectionMultiplexer> connections = [];
        List<IDisposable> subscriptions = [];
        try
        {
            ConcurrentDictionary<EndpointId, Waiting> waiting = [];
            List<IPoolBackplane> backplanes = [];
            string fleet = $"facts-{Guid.NewGuid():N}";
            for (int i = 0; i < processes; i++)
            {
                connections.Add(await ConnectionMultiplexer.ConnectAsync($"{address},protocol=resp3,abortConnect=false"));
                RoundRobinOptions options = new();
                options.UseRedis(connections[^1], redis => redis.FleetName = fleet);
                backplanes.Add(options.Backplane!);
                subscriptions.Add(backplanes[^1].Subscribe(fact => waiting.GetValueOrDefault(fact.Id)?.Heard()));
            }

            List<(double First, double Last)> took = [];
            for (int i = 0; i < Practice + Facts; i++)
            {
                Waiting one = new(processes);
                PoolFact fact = Make();
                waiting[fact.Id] = one;
                one.Begin();
                backplanes[i % processes].Publish(fact);
                // What is told before all listen comes with their next read.
                took.Add(await one.All.WaitAsync(Patience));
                waiting.TryRemove(fact.Id, out _);
                await Task.Delay(Between);
            }

            double[] first = [.. took.Skip(Practice).Select(static one => one.First).Order()], last = [.. took.Skip(Practice).Select(static one => one.Last).Order()];
            return string.Create(
                CultureInfo.InvariantCulture,
                $"| {processes} | {Facts} | {Percentiles.Of(first, 0.5):0.00} | {Percentiles.Of(last, 0.5):0.00} | {Percentiles.Of(last, 0.99):0.00} | {last[^1]:0.00} |");
        }
        finally
        {
            subscriptions.ForEach(static subscription => subscription.Dispose());
            foreach (ConnectionMultiplexer connection in connections)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private static PoolFact Make()
    {
        if (!EndpointId.TryParse(Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(12)), out EndpointId id))
        {
            throw new InvalidOperationException();
        }

        return new() { Id = id, Kind = PoolFactKind.Ejected, Reason = EndpointFailureReason.Unreachable, For = TimeSpan.FromSeconds(1), Generation = 1, Source = Guid.NewGuid() };
    }

    /// <summary>One fact, until all have heard it: the one that tells hears it too.</summary>
    private sealed class Waiting(int processes)
    {
        private readonly TaskCompletionSource<(double, double)> _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _began;
        private double _first;
        private int _heard;

        public Task<(double First, double Last)> All => _all.Task;

        public void Begin() => _began = Stopwatch.GetTimestamp();

        public void Heard()
        {
            double took = Stopwatch.GetElapsedTime(_began).TotalMilliseconds;
            int heard = Interlocked.Increment(ref _heard);
            _first = heard == 1 ? took : _first;
            if (heard == processes)
            {
                _all.TrySetResult((_first, took));
            }
        }
    }
}
