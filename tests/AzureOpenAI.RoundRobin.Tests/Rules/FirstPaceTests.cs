using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>The pace after the first rejection is what the endpoint took in the last second, whatever was before.</summary>
public class FirstPaceTests
{
    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, 3600)]
    [InlineData(true, 3600)]
    public async Task IsWhatItTookInTheLastSecond_AlsoAfterAQuietHour(bool streaming, double quietSeconds)
    {
        using ServicePool pool = new(["east", "west"]);
        int asked = 0;
        pool.Service.On = request => request.Host == "east" && Interlocked.Increment(ref asked) == 21 ? FakeService.Refusal(429, ("retry-after-ms", "500")) : null;
        pool.Time.Advance(TimeSpan.FromSeconds(quietSeconds));
        await AskAsync(41);
        Assert.Equal(21, asked);

        pool.Time.Advance(TimeSpan.FromSeconds(0.5));
        await AskAsync(50);
        // In a second at 20 or a little less, and it grows.
        Assert.InRange(asked - 21, 14, 24);

        async Task AskAsync(int calls)
        {
            for (int i = 0; i < calls; i++)
            {
                // No call over a network completes synchronously.
                TaskCompletionSource sent = new(TaskCreationOptions.RunContinuationsAsynchronously);
                pool.Service.Before = _ => sent.Task;
                Task call = pool.AskAsync(streaming);
                sent.SetResult();
                await call;
                pool.Time.Advance(TimeSpan.FromMilliseconds(20));
            }
        }
    }
}
