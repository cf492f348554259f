using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Telemetry;

namespace AzureOpenAI.RoundRobin.Balancing;

/// <summary>What was decided under the balancer's lock and runs other people's code: cancellations, and loggers. It runs after the lock.</summary>
/// <remarks>Safe for concurrent use.</remarks>
internal sealed class DeferredWork(PoolLog log)
{
    private readonly ConcurrentQueue<Attempt> _relocated = new();

    /// <summary>The attempt was claimed for another endpoint, and is to be cancelled.</summary>
    public void Cancel(Attempt relocated) => _relocated.Enqueue(relocated);

    public void Run()
    {
        while (_relocated.TryDequeue(out Attempt? attempt))
        {
            attempt.Cancel();
        }

        log.Write();
    }
}
