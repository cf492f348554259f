using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

internal static class FakeTimeExtensions
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    /// <summary>
    /// Advances simulated time by one step, and by another only if the first was too early for the timer that it was meant for: a step
    /// is not repeated before there was plenty of real time for what it should bring about, and is then twice as long: on a busy machine a timer may begin late by all that was advanced before.
    /// </summary>
    public static async Task AdvanceUntilAsync(this FakeTimeProvider time, TimeSpan step, Func<bool> happened)
    {
        for (; ; step *= 2)
        {
            time.Advance(step);
            for (int i = 0; i < 500; i++)
            {
                if (happened())
                {
                    return;
                }

                await Task.Delay(Look, TestContext.Current.CancellationToken);
            }
        }
    }

    public static TimeSpan Seconds(this double seconds) => TimeSpan.FromSeconds(seconds);

    public static TimeSpan Seconds(this int seconds) => TimeSpan.FromSeconds(seconds);
}
