using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Redis.Tests;

/// <summary>Waits for what a server or another thread is about to do. The deadline is for a hang only; no test depends on how long a thing takes.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60), Between = TimeSpan.FromMilliseconds(5);

    public static Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null) =>
        TrueAsync(() => Task.FromResult(condition()), what);

    /// <param name="condition">Tried again and again, and may do something, such as a call.</param>
    /// <param name="what">Said where it never comes.</param>
    public static async Task TrueAsync(Func<Task<bool>> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Deadline, $"It never came to be: {what}");
            await Task.Delay(Between, TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
