using AzureOpenAI.RoundRobin.Endpoints;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

/// <summary>Which calls were answered, by their ages, and how long the last ones took.</summary>
public class ResponseTimesTests
{
    private readonly ResponseTimes _vitals = new();

    [Fact]
    public void HeardAge_WithoutProgress_IsTheGreatest() => Assert.Equal(uint.MaxValue, _vitals.ProgressAge(latest: 5));

    [Fact]
    public void HeardAge_IsThatOfTheYoungestCall_InWhateverOrderTheyAreAnswered()
    {
        _vitals.Progressed(10);
        _vitals.Progressed(30);
        _vitals.Answered(20, TimeSpan.Zero);

        Assert.Equal(5U, _vitals.ProgressAge(latest: 35));
    }

    [Fact]
    public void HeardAge_WhenTheNumbersWrap_GoesOn()
    {
        _vitals.Progressed(uint.MaxValue - 1);
        Assert.Equal(4U, _vitals.ProgressAge(latest: 2));

        _vitals.Progressed(1);

        Assert.Equal(1U, _vitals.ProgressAge(latest: 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData((1L << 48) - 10_500_000_000)]
    public void BeganSince_CountsTheAnsweredCallsByTheirStarts_AlsoWhereTheyWrap(long from)
    {
        const long Second = 1_000_000_000;
        foreach (long began in new[] { 9 * Second, 10 * Second, (long)(10.5 * Second), 11 * Second, 13 * Second })
        {
            _vitals.Answered(1, TimeSpan.FromSeconds(1), from + began);
        }

        Assert.Equal(2, _vitals.BeganSince(from + (long)(10.2 * Second), from + (12 * Second)));
        for (int i = 0; i < 300; i++)
        {
            _vitals.Answered(1, TimeSpan.Zero, from + (20 * Second));
        }

        Assert.Equal((256, 0), (_vitals.BeganSince(from + (19 * Second), from + (20 * Second)), _vitals.BeganSince(from + (21 * Second), from + (22 * Second))));
    }

    [Fact]
    public void Ages_AreThoseOfAnsweredCallsBelowTheLimit()
    {
        foreach (uint number in new uint[] { 10, 12, 14, 16 })
        {
            _vitals.Answered(number, TimeSpan.Zero);
        }

        _vitals.Progressed(18);

        Assert.Equal([4U, 6U], AgesBelow(8, latest: 20));
    }

    [Fact]
    public void Ages_AreRememberedOfTheLast256()
    {
        for (uint number = 0; number < 300; number++)
        {
            _vitals.Answered(number, TimeSpan.FromSeconds(number));
        }

        Assert.Equal(Enumerable.Range(0, 256).Select(age => (uint)age), AgesBelow(1000, latest: 299));
        Assert.Equal(Enumerable.Range(44, 256), _vitals.LastDurations().Select(took => (int)took.TotalSeconds).Order());
    }

    [Theory]
    [InlineData(100, 90, 10)]
    [InlineData(100, 100, 0)]
    [InlineData(100, 101, 0)]
    [InlineData(2, uint.MaxValue, 3)]
    [InlineData(3_000_000_000, 5, 2_999_999_995)]
    public void HeardAge_IsHowManyCallsBeganSince_AndNoneWhereItBeganAfterTheLatestWasRead(uint latest, uint number, uint age)
    {
        _vitals.Progressed(number);

        Assert.Equal(age, _vitals.ProgressAge(latest));
    }

    [Theory]
    [InlineData(100, 50, 100)]
    [InlineData(100, 101, 101)]
    [InlineData(2, uint.MaxValue, 2)]
    [InlineData(uint.MaxValue, 2, 2)]
    [InlineData(5, 3_000_000_000, 3_000_000_000)]
    public void Heard_KeepsTheYoungest_AfterALongIdleTimeToo(uint first, uint second, uint youngest)
    {
        _vitals.Progressed(first);
        _vitals.Progressed(second);

        Assert.Equal((0u, 7u), (_vitals.ProgressAge(youngest), _vitals.ProgressAge(youngest + 7)));
    }

    [Fact]
    public void SynchronousAnswers_TakeThePlacesOfTheOldest()
    {
        _vitals.CountSynchronous(300, latest: 500);
        Assert.Equal(Enumerable.Repeat(499U, 256), AgesBelow(1000, latest: 500));
        for (uint number = 501; number <= 750; number++)
        {
            _vitals.Answered(number, TimeSpan.FromSeconds(1));
        }

        _vitals.CountSynchronous(310, latest: 800);

        Assert.Equal(10, _vitals.LastDurations().Count(took => took == TimeSpan.Zero));
        Assert.Equal([.. Enumerable.Range(50, 246).Select(age => (uint)age), .. Enumerable.Repeat(299U, 10)], AgesBelow(1000, latest: 800));
    }

    [Fact]
    public void SynchronousAnswers_CountAsBegunSinceTheLastLook()
    {
        _vitals.CountSynchronous(answered: 0, latest: 100);

        _vitals.CountSynchronous(answered: 3, latest: 120);

        Assert.Equal([19U, 19U, 19U], AgesBelow(1000, latest: 120));
        Assert.Equal(19U, _vitals.ProgressAge(latest: 120));
        _vitals.CountSynchronous(answered: 3, latest: 130);
        _vitals.CountSynchronous(answered: 4, latest: 140);
        Assert.Equal(9U, _vitals.ProgressAge(latest: 140));
        Assert.Equal(4, AgesBelow(1000, latest: 140).Count());
    }

    [Fact]
    public void AnswersThatWereTimed_OrAbandonedStreams_AreNotCountedAsSynchronous()
    {
        _vitals.Add(TimeSpan.FromSeconds(1), 0);
        _vitals.Unfinished();

        _vitals.CountSynchronous(answered: 2, latest: 120);

        Assert.Equal(uint.MaxValue, _vitals.ProgressAge(latest: 120));
        Assert.Empty(AgesBelow(1000, latest: 120));
    }

    [Fact]
    public void Take_GivesTheLastAnswers_PerTokenWhereTheirLengthIsKnown()
    {
        for (int i = 1; i <= 25; i++)
        {
            _vitals.Add(TimeSpan.FromSeconds(i), i == 25 ? 0 : 2);
        }

        double[] whole = new double[ResponseTimes.Remembered];
        double[] perToken = new double[ResponseTimes.Remembered];

        Assert.Equal(3, _vitals.Take(3, whole, perToken));
        Assert.Equal([25, 24, 23], whole[..3]);
        Assert.Equal([double.NaN, 12, 11.5], perToken[..3]);
        Assert.Equal(ResponseTimes.Remembered, _vitals.Take(ResponseTimes.Remembered, whole, perToken));
        Assert.Equal(6, whole[^1]);
        Assert.Equal(25, _vitals.Count);
    }

    private IEnumerable<uint> AgesBelow(uint below, uint latest)
    {
        List<uint> ages = [];
        _vitals.AddAges(latest, below, ages);
        return ages.Order();
    }
}
