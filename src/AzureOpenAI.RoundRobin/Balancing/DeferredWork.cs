using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Balancing.Sharing;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>Work that runs the user's code, and so runs after the balancer's lock: cancellations of relocated attempts, facts for other processes, requests for permits, and logs.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class DeferredWork(PoolLog log, SharedFacts? facts = null)
{
    private readonly ConcurrentQueue<Attempt> _relocated = new();

    /// <summary>Asks for permits; null without a backplane.</summary>
    public PermitLoop? Permits { get; set; }

    /// <summary>The attempt was claimed for another endpoint, and is to be cancelled.</summary>
    public void Cancel(Attempt relocated) => _relocated.Enqueue(relocated);

    public void Run()
    {
        while (_relocated.TryDequeue(out Attempt? attempt))
        {
            attempt.Cancel();
        }

        facts?.Publish();
        Permits?.Run();
        log.Write();
    }
}
