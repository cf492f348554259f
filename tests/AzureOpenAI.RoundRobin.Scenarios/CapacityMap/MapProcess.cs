using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>Processes of one thread each, which run cells one after the other: a line with a cell's name goes in, a line of JSON with the results of all clients comes out.</summary>
internal static class MapProcess
{
    private const int MostProcesses = 2;

    /// <summary>In the process that was asked to: has others run the cells.</summary>
    public static async Task<IReadOnlyList<MapResult>> RunAsync(string[] line, IEnumerable<MapCell> cells, Action<MapResult> tell)
    {
        ConcurrentQueue<MapCell> queue = new(cells);
        IEnumerable<Task<List<MapResult>>> workers = Enumerable.Range(0, MostProcesses).Select(_ => WorkAsync(line, queue, tell));
        return [.. (await Task.WhenAll(workers)).SelectMany(results => results)];
    }

    /// <summary>In a process of its own: runs what the standard input names.</summary>
    public static async Task ServeAsync(Arguments arguments)
    {
        VirtualDriver.TakeOneThread();
        // From here on everything runs on the pool's one thread.
        await Task.Yield();
        Dictionary<string, MapCell> cells = (arguments.IsQuick ? MapCatalogue.Quick : MapCatalogue.All).ToDictionary(cell => cell.Name);
        while (Console.In.ReadLine() is { } name)
        {
            MapCell cell = cells[name];
            MapCall[] oracle = new Oracle(cell).Run();
            List<MapResult> results = [];
            foreach (MapContestant contestant in MapContestant.All.Where(contestant => arguments.WantsClient(contestant.Name)))
            {
                Stopwatch taken = Stopwatch.StartNew();
                MapCall[] calls = await new MapRunner(cell, contestant).RunAsync();
                results.Add(MapResult.Of(cell, contestant.Name, calls, oracle, taken.Elapsed));
            }

            Console.Out.WriteLine(JsonSerializer.Serialize(results));
        }
    }

    private static async Task<List<MapResult>> WorkAsync(string[] line, ConcurrentQueue<MapCell> queue, Action<MapResult> tell)
    {
        ProcessStartInfo start = SelfStart.With(["--map-worker", .. line]);
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        start.Environment.Add(VirtualDriver.Environment);
        using Process process = Process.Start(start)!;
        List<MapResult> all = [];
        while (queue.TryDequeue(out MapCell? cell))
        {
            await process.StandardInput.WriteLineAsync(cell.Name);
            await process.StandardInput.FlushAsync();
            string answer = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"The process that ran '{cell.Name}' has ended.");
            List<MapResult> results = JsonSerializer.Deserialize<List<MapResult>>(answer)!;
            results.ForEach(tell);
            all.AddRange(results);
        }

        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return all;
    }
}
