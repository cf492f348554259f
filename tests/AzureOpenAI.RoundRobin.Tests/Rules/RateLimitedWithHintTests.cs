using System.Globalization;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>A 429 or 503 that says for how long, up to five minutes: the cooldown is exactly that, from the arrival of the answer.</summary>
[Trait("Rule", "5.7")]
public class RateLimitedWithHintTests
{
    public static TheoryData<int, string, string, double, bool> Hints
    {
        get
        {
            TheoryData<int, string, string, double, bool> data = [];
            foreach (bool streaming in new[] { false, true })
            {
                foreach (int status in new[] { 429, 503 })
                {
                    data.Add(status, "retry-after-ms", "1500", 1.5, streaming);
                    data.Add(status, "x-ms-retry-after-ms", "700", 0.7, streaming);
                    data.Add(status, "Retry-After", "7", 7, streaming);
                    data.Add(status, "Retry-After", "0.25", 0.25, streaming);
                    data.Add(status, "Retry-After", Clocks.Start.AddSeconds(42).ToString("R", CultureInfo.InvariantCulture), 42, streaming);
                    data.Add(status, "Retry-After", "300", 300, streaming);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Hints))]
    public async Task HintUpToFiveMinutes_IsExactlyTheCooldown(int status, string name, string value, double seconds, bool streaming)
    {
        using FakePool pool = new(2, jitter: () => 1);
        pool.Clients[0].Plays(FakeFailure.Status(status, (name, value)));

        Assert.Equal("b", await pool.AskAsync(streaming));

        Assert.Equal(seconds, pool.OutFor(0));
        pool.Time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
        Assert.Equal("bbbb", await pool.AskManyAsync(4, streaming));
        Assert.Equal(1, pool.Clients[0].Calls);
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LateHint_LongerThanTheCooldown_CountsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(2)));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        await Task.WhenAll(calls);

        Assert.Equal(30, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LateHint_AfterTheCooldown_CountsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];

        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(2)));
        pool.Time.Advance(TimeSpan.FromSeconds(3));
        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));
        await Task.WhenAll(calls);

        Assert.Equal(30, pool.OutFor(0));
        pool.Clients[0].Fails = null;
        Assert.Equal("bbb", await pool.AskManyAsync(3, streaming));
        pool.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("a", await pool.AskAsync(streaming));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task LateHint_AtAHealthyEndpoint_CountsFromItsArrival(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 4).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[0].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(1)));
        pool.Time.Advance(TimeSpan.FromSeconds(1));
        Task<string> first = pool.AskAsync(streaming);
        Assert.Equal((2, EndpointState.Healthy), (pool.Clients[0].Running, pool.StateOf(0)));

        pool.Clients[0].Held[1].Fail(FakeFailure.RateLimited(TimeSpan.FromSeconds(30)));

        Assert.Equal(30, pool.OutFor(0));
        pool.Clients[0].Held[2].Answer();
        Assert.Equal("a", await first);
        await Task.WhenAll(calls);
        Assert.Equal(30, pool.OutFor(0));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AtTheEndOfThePause_IsHealthyAtOnce_AndCallsGoOneByOne(bool streaming)
    {
        // Ten in the second before the rejection, which is one of them.
        using FakePool pool = new(2);
        pool.Clients[0].Hold();
        Task<string>[] calls = [.. Enumerable.Range(0, 20).Select(_ => pool.AskAsync(streaming))];
        pool.Clients[0].Held[9].Fail(FakeFailure.RateLimited(TimeSpan.FromMilliseconds(1500)));
        pool.Clients[0].Fails = null;
        pool.Time.Advance(TimeSpan.FromMilliseconds(1499));
        Assert.Equal(("bb", EndpointState.Unavailable), (await pool.AskManyAsync(2, streaming), pool.StateOf(0)));
        pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        List<double> at = [];
        for (int millisecond = 0; millisecond < 1000; millisecond++)
        {
            int before = pool.Clients[0].Calls;
            await pool.AskManyAsync(2, streaming);
            Assert.Equal(EndpointState.Healthy, pool.StateOf(0));
            at.AddRange(Enumerable.Repeat(millisecond / 1000.0, pool.Clients[0].Calls - before));
            pool.Time.Advance(TimeSpan.FromMilliseconds(1));
        }

        // At ten a second at first, and ever more quickly, as nothing is rejected.
        Assert.Equal(0, at[0]);
        Assert.InRange(at[1], 0.095, 0.1);
        Assert.All(at.Zip(at.Skip(1)), static pair => Assert.InRange(pair.Second - pair.First, 0.02, 0.1));
        Assert.InRange(at.Count, 11, 15);
        Array.ForEach(pool.Clients[0].Held, static held => held.Answer());
        await Task.WhenAll(calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AllUnavailableByHint_NoEndpointIsCalledBeforeItsTime(bool streaming)
    {
        using FakePool pool = new(2);
        pool.Clients[0].Fails = FakeFailure.RateLimited(TimeSpan.FromSeconds(10));
        pool.Clients[1].Fails = FakeFailure.Status(503, ("Retry-After", "20"));
        Task<string>[] calls = [.. Enumerable.Range(0, 5).Select(_ => pool.AskAsync(streaming))];

        for (int i = 0; i < 99; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        Assert.Equal([1, 1], pool.Calls);
        pool.Clients[0].Fails = null;
        pool.Clients[1].Fails = null;
        for (int i = 0; i < 90; i++)
        {
            await pool.AdvanceAsync(0.1);
        }

        await Task.WhenAll(calls);
        Assert.Equal(1, pool.Clients[1].Calls);
        Assert.Equal(10, pool.Clients[0].Times[1], 0.01);
    }
}
