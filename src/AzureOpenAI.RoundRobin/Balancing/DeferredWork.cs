using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Work that runs the user's code, and so runs after the balancer's lock: cancellations of relocated attempts, facts for other processes, requests for permits, and logs.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class DeferredWork(PoolLog log, SharedFacts? facts = null)
{
    private readonly ConcurrentQueue<Attempt> _relocated = new();
    private int _claimed;

    /// <summary>Asks for permits; null without a backplane.</summary>
    public PermitLoop? Permits { get; set; }

    /// <summary>The attempt was claimed for another endpoint, and is to be cancelled.</summary>
    public void Cancel(Attempt relocated)
    {
        // Before it is in the queue: whoever reads 0 has claimed nothing itself.
        Interlocked.Increment(ref _claimed);
        _relocated.Enqueue(relocated);
    }

    public void Run()
    {
        // A call that takes the lock comes here each time, and finds none as a rule: one read says so.
        if (Volatile.Read(ref _claimed) != 0)
        {
            while (_relocated.TryDequeue(out Attempt? attempt))
            {
                Interlocked.Decrement(ref _claimed);
                attempt.Cancel();
            }
        }

        facts?.Publish();
        Permits?.Run();
        log.Write();
    }
}
