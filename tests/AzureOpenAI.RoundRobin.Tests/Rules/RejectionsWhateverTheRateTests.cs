using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>An endpoint that rejects some calls whatever their rate, as overloaded nodes do: the plain client would ask again and lose none, so the pool loses none.</summary>
[Trait("Rule", "5.7")]
public class RejectionsWhateverTheRateTests
{
    private const int StepsInASecond = 100;

    [Theory]
    [InlineData(1, 10, "50", 5)]
    [InlineData(1, 10, null, 5)]
    [InlineData(1, 3, "20", 0.5)]
    [InlineData(1, 4, null, 0.5)]
    [InlineData(2, 10, "50", 10)]
    [InlineData(3, 5, "50", 20)]
    public async Task SomeCallsAreRejected_NoneFails(int endpoints, int every, string? hint, double perSecond)
    {
        using FakePool pool = new(endpoints);
        Array.ForEach(pool.Clients, client => RejectEvery(client, every, hint));
        List<Task<string>> calls = [];
        for (int step = 0; step < 90 * StepsInASecond || (pool.Waiting > 0 && step < 130 * StepsInASecond); step++)
        {
            if (step < 90 * StepsInASecond && step % (int)(StepsInASecond / perSecond) == 0)
            {
                calls.Add(pool.AskAsync());
            }

            await pool.AdvanceAsync(1.0 / StepsInASecond);
        }

        Assert.Equal(0, calls.Count(static call => call.IsFaulted));
        Assert.All(calls, static call => Assert.True(call.IsCompletedSuccessfully));
    }

    /// <summary>By turns of its own, so that it is the same in each run and does not fall in step with the pool's.</summary>
    private static void RejectEvery(FakeChatClient client, int every, string? hint)
    {
        int asked = 0;
        client.OnCall = (_, _, _) => (++asked * 7) % every == 0
            ? Task.FromException<ChatResponse>(hint is null ? FakeFailure.Status(429) : FakeFailure.Status(429, ("retry-after-ms", hint)))
            : Task.FromResult(FakeChatClient.Answer(client.Name));
    }
}
