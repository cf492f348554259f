using System.Runtime.CompilerServices;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>Waits for what another thread is about to do: by yielding to it, never by the clock.</summary>
internal static class Eventually
{
    private const int Most = 1_000_000;

    public static async Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        for (int i = 0; !condition(); i++)
        {
            token.ThrowIfCancellationRequested();
            Assert.True(i < Most, $"It never came to be: {what}");
            await Task.Yield();
        }
    }
}
