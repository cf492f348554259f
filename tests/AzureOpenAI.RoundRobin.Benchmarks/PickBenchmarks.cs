using BenchmarkDotNet.Attributes;

namespace AzureOpenAI.RoundRobin.Benchmarks;

/// <summary>What it costs to find whose turn it is: a few endpoints or a thousand, all fit or nearly all out, from one thread or several.</summary>
public class PickBenchmarks
{
    /// <summary>So many that starting the threads does not count.</summary>
    private const int Picks = 400_000;

    private readonly object[] _bare = new object[3];
    private Fleet _fleet = null!;
    private uint _cursor;

    /// <summary>Endpoints, and how many of them are out.</summary>
    [Params("3/0", "3/2", "1000/0", "1000/500", "1000/990")]
    public string Endpoints { get; set; } = "";

    [Params(1, 2, 8)]
    public int Threads { get; set; }

    [GlobalSetup]
    public async Task Setup() => _fleet = await Fleet.CreateAsync(Endpoints);

    [Benchmark(Baseline = true, OperationsPerInvoke = Picks)]
    public void BareCursor() => OnThreads(count =>
    {
        object? last = null;
        for (int i = 0; i < count; i++)
        {
            last = _bare[Interlocked.Increment(ref _cursor) % (uint)_bare.Length];
        }

        GC.KeepAlive(last);
    });

    [Benchmark(OperationsPerInvoke = Picks)]
    public void Pick() => OnThreads(count =>
    {
        for (int i = 0; i < count; i++)
        {
            _fleet.Picker.TryPick(0, out _);
        }
    });

    [GlobalCleanup]
    public void Cleanup() => _fleet.Dispose();

    private void OnThreads(Action<int> picking)
    {
        if (Threads == 1)
        {
            picking(Picks);
            return;
        }

        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() => picking(Picks / Threads)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }
}
