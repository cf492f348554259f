namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>
/// Runs simulated time as fast as the work in it can be done, and no faster.
/// </summary>
/// <remarks>
/// Code that configures its awaits resumes on the thread pool whatever context it started in, so the pool itself is made to have one thread, and
/// the driver is a work item on it like all others. It steps the clock, then yields until nothing else is queued. While it runs nothing else
/// does, so an empty queue means that every call waits for the clock. The order of all work is thereby fixed too; what differs between two runs
/// is what the code under test draws at random.
/// </remarks>
internal static class VirtualDriver
{
    /// <summary>Must be in the environment of the process before it starts: a pool never has fewer threads than the process has processors.</summary>
    public static KeyValuePair<string, string?> Environment { get; } = new("DOTNET_PROCESSOR_COUNT", "1");

    public static void TakeOneThread()
    {
        ThreadPool.GetMaxThreads(out _, out int completions);
        if (!ThreadPool.SetMinThreads(1, 1) || !ThreadPool.SetMaxThreads(1, completions))
        {
            throw new InvalidOperationException($"Simulated time needs a thread pool of one thread, and so {Environment.Key}={Environment.Value}.");
        }
    }

    /// <summary>Advances the clock until the work is done. Call it on the thread pool.</summary>
    public static async Task RunAsync(VirtualTime time, Task work)
    {
        while (!work.IsCompleted)
        {
            if (!time.TryAdvance())
            {
                throw new InvalidOperationException("Calls are pending, and no timer is: somebody waits for what never comes.");
            }

            do
            {
                await Task.Yield();
            }
            while (ThreadPool.PendingWorkItemCount > 0);
        }

        await work;
    }
}
