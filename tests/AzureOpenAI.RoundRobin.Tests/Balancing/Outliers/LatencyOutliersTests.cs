using AzureOpenAI.RoundRobin.Balancing.Outliers;
using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

/// <summary>Who is far slower than the others, and when that is over.</summary>
public class LatencyOutliersTests
{
    private const int Block = ResponseTimes.Remembered;

    [Theory]
    [InlineData(3.9, false)]
    [InlineData(4.1, true)]
    public void FourTimesTheMedianOfTheOthers_IsLagging(double times, bool expected)
    {
        Watched watched = new(3);

        watched.Answer(2 * Block, i => i == 0 ? times : 1);

        Assert.Equal([expected, false, false], watched.Look());
    }

    [Fact]
    public void Suspicion_IsConfirmedByTwentyMoreAnswers()
    {
        Watched watched = new(2);
        watched.Answer(Block, i => i == 0 ? 10 : 1);
        Assert.Equal([false, false], watched.Look());
        watched.Answer(Block - 1, i => i == 0 ? 10 : 1);
        Assert.Equal([false, false], watched.Look());

        watched.Answer(1, i => i == 0 ? 10 : 1);

        Assert.Equal([true, false], watched.Look());
    }

    [Fact]
    public void Suspicion_ThatPassesBetween_BeginsAnew()
    {
        Watched watched = new(2);
        watched.Answer(Block, i => i == 0 ? 10 : 1);
        watched.Look();
        watched.Answer(Block, _ => 1);
        watched.Look();
        watched.Answer(Block, i => i == 0 ? 10 : 1);

        Assert.Equal([false, false], watched.Look());
    }

    [Fact]
    public void FewerThanTwentyAnswers_OfEither_IsNotLagging()
    {
        Watched few = new(2);
        few.Answer(Block - 1, i => i == 0 ? 10 : 1);
        few.Look();

        Watched none = new(2);
        none.Answer(2 * Block, _ => 10, of: 0);

        Assert.Equal([false, false], few.Look());
        Assert.Equal([false, false], none.Look());
    }

    [Fact]
    public void NegligibleDifference_IsNotLagging()
    {
        Watched watched = new(2);

        watched.Answer(2 * Block, i => i == 0 ? 0.024 : 0.005);

        Assert.Equal([false, false], watched.Look());
    }

    [Fact]
    public void Lengths_WhereTheyAreKnown_DecideInsteadOfTheWhole()
    {
        Watched longer = new(2);
        longer.Answer(2 * Block, i => i == 0 ? 10 : 1, tokens: i => i == 0 ? 1000 : 100);
        Watched slower = new(2);
        slower.Answer(2 * Block, i => i == 0 ? 3 : 1, tokens: i => i == 0 ? 10 : 100);

        Assert.Equal([false, false], longer.Look());
        Assert.Equal([true, false], slower.Look());
    }

    [Fact]
    public void MixOfShortAndLong_IsNotLagging()
    {
        Watched watched = new(2);

        // Eleven of twenty are long here, and nine there: the medians differ a hundredfold.
        watched.Answer(3 * Block, i => (watched.Given(i) % 20) < (i == 0 ? 11 : 9) ? 40 : 0.4);

        Assert.False(watched.WasAnySlow);
    }

    [Theory]
    [InlineData(1.9, true)]
    [InlineData(2.1, false)]
    public void Lagging_IsHealthyAgainByItsLastFive(double times, bool expected)
    {
        Watched watched = new(2);
        watched.Answer(2 * Block, i => i == 0 ? 10 : 1);
        watched.Answer(2, _ => times, of: 0);
        Assert.Equal([true, false], watched.Look());

        watched.Answer(1, _ => times, of: 0);

        Assert.Equal([!expected, false], watched.Look());
    }

    [Fact]
    public void Lagging_IsHealthyAgainWhereAllAnswersAreQuick_AndItsSuspicionBeginsAnew()
    {
        Watched watched = new(2);
        watched.Answer(2 * Block, i => i == 0 ? 10 : 1);
        watched.Answer(Block, _ => 0.001);
        Assert.Equal([false, false], watched.Look());

        watched.Answer(Block + 10, i => i == 0 ? 10 : 1);

        Assert.Equal([false, false], watched.Look());
    }

    [Fact]
    public void OneLagging_DoesNotHideAnother()
    {
        Watched watched = new(5);

        watched.Answer(2 * Block, i => i < 2 ? 10 : 1);

        Assert.Equal([true, true, false, false, false], watched.Look());
    }

    /// <summary>Looks after each answer of all, as the pool does now and then.</summary>
    private sealed class Watched(int count)
    {
        private readonly ResponseTimes[] _vitals = [.. Enumerable.Range(0, count).Select(_ => new ResponseTimes())];
        private readonly LatencyOutliers _watch = new(count);

        /// <summary>At any of the looks.</summary>
        public bool WasAnySlow { get; private set; }

        public int Given(int index) => _vitals[index].Count;

        public IReadOnlyList<bool> Look() => _watch.Look(_vitals);

        public void Answer(int times, Func<int, double> seconds, int? of = null, Func<int, int>? tokens = null)
        {
            for (int time = 0; time < times; time++)
            {
                for (int i = 0; i < _vitals.Length; i++)
                {
                    if (of is null || of == i)
                    {
                        _vitals[i].Add(TimeSpan.FromSeconds(seconds(i)), tokens?.Invoke(i) ?? 0);
                    }
                }

                WasAnySlow |= Look().Contains(true);
            }
        }
    }
}
