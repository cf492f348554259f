using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>Once a call has failed at every endpoint that it may ask, all time counts against MaxWait, attempts included; the last attempt may finish.</summary>
[Trait("Rule", "R20")]
public sealed class CallEndsInABoundedTimeTests
{
    private const double Step = 0.25;

    /// <summary>As hosts do that drop what is sent to them: each attempt takes 5 s and then fails to connect, which is longer than its own cooldown.</summary>
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(1, 1, true)]
    [InlineData(2, 2, false)]
    [InlineData(2, 2, true)]
    [InlineData(2, 4, false)]
    public async Task HostsThatDropConnections_CallEndsWithinItsBound(int endpoints, int maxWait, bool streaming)
    {
        using FakePool pool = new(endpoints, options => options.MaxWait = TimeSpan.FromSeconds(maxWait));
        Array.ForEach(pool.Clients, static client => client.Hold());
        Task<string> call = pool.AskAsync(streaming);
        Dictionary<HeldCall, double> began = [];
        double passed = 0;
        for (; !call.IsCompleted && passed < 120; passed += Step)
        {
            foreach (HeldCall held in pool.Clients.SelectMany(static client => client.Held).Where(static held => !held.End.IsCompleted))
            {
                if (!began.TryAdd(held, passed) && passed - began[held] >= 5)
                {
                    held.Fail(new HttpRequestException(HttpRequestError.ConnectionError));
                }
            }

            await pool.AdvanceAsync(Step);
        }

        await Assert.ThrowsAnyAsync<Exception>(() => call);
        // One attempt at each endpoint, then MaxWait, and the attempt that began before its end.
        Assert.InRange(passed, 5, (5 * endpoints) + maxWait + 5 + 0.5);
    }
}
