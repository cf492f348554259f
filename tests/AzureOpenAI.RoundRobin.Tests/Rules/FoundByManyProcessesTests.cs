using System.Collections.Concurrent;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Rules;

/// <summary>
/// What a throttled endpoint and a refused key cost many processes together: the calls that begin until the first refusal is answered and its word is heard, and none after that.
/// </summary>
public sealed class FoundByManyProcessesTests
{
    private const int Processes = 16, PerSecond = 60;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(1), Answer = TimeSpan.FromMilliseconds(60);

    public static TheoryData<int, int, int, bool> Fleets => new MatrixTheoryData<int, int, int, bool>([429, 401, 404], [2, 60], [0, 20], [false, true]);

    /// <summary>The first call of each process goes to the endpoint, the worst that can be.</summary>
    /// <param name="status">What the endpoint answers.</param>
    /// <param name="refusal">How long that takes, in milliseconds.</param>
    /// <param name="word">How long a fact is on its way at most.</param>
    /// <param name="streaming">Whether answers are streams.</param>
    [Theory]
    [MemberData(nameof(Fleets))]
    public async Task NoCallBegins_AfterTheWordOfTheFirstRefusal(int status, int refusal, int word, bool streaming)
    {
        using FakeFleet fleet = new(Processes, ["east", "west", "north"], backplane: time => new(time, 1) { MostDelay = TimeSpan.FromMilliseconds(word) });
        ConcurrentQueue<TimeSpan> begun = [];
        foreach (ServicePool pool in fleet.Pools)
        {
            pool.Service.Before = request =>
            {
                bool isBad = request.Host == "east";
                if (isBad)
                {
                    begun.Enqueue(Now());
                }

                return Task.Delay(isBad ? TimeSpan.FromMilliseconds(refusal) : Answer, fleet.Time, TestContext.Current.CancellationToken);
            };
        }

        fleet.On = request => request.Host == "east" ? FakeService.Refusal(status, ("retry-after", "20")) : null;
        List<Task<string>> calls = [];
        for (TimeSpan end = TimeSpan.FromSeconds(1.5); Now() < end; await StepAsync())
        {
            if (calls.Count <= Now().TotalSeconds * PerSecond)
            {
                calls.Add(fleet[calls.Count % Processes].AskAsync(streaming));
            }
        }

        for (int i = 0; i < 200 && calls.Exists(static call => !call.IsCompleted); i++)
        {
            await StepAsync();
        }

        Assert.All(await Task.WhenAll(calls), static answer => Assert.NotEqual("east", answer));
        Assert.Equal(90, calls.Count);
        TimeSpan known = TimeSpan.FromMilliseconds(refusal + word) + Step + Step;
        Assert.All(begun, at => Assert.InRange(at, TimeSpan.Zero, known));
        Assert.InRange(begun.Count, 1, 1 + (known.TotalSeconds * PerSecond));

        TimeSpan Now() => fleet.Time.GetUtcNow() - Clocks.Start;

        async Task StepAsync()
        {
            await SettleAsync();
            fleet.Time.Advance(Step);
            await SettleAsync();
        }

        Task SettleAsync() => Eventually.TrueAsync(() => calls.Count(static call => !call.IsCompleted) == fleet.Time.Delays);
    }
}
