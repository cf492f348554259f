using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.Simulator.Tests;

internal static class FakeTime
{
    /// <summary>The server asks for its timers on its own threads, so the clock is moved until what is awaited has happened.</summary>
    public static async Task AdvanceUntilAsync(this FakeTimeProvider time, Task awaited)
    {
        while (!awaited.IsCompleted)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            time.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Yield();
        }
    }
}
