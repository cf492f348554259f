using AzureOpenAI.RoundRobin.Balancing.Outliers;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

/// <summary>When the calls at an endpoint are past belief, by the ages of calls: how many the pool has begun since.</summary>
public class StallTestTests
{
    private const uint Never = uint.MaxValue;

    [Theory]
    [InlineData(1, 20)]
    [InlineData(2, 20)]
    [InlineData(3, 30)]
    [InlineData(8, 80)]
    public void Patience_GrowsWithTheEndpoints(int endpoints, int expected) => Assert.Equal(expected, new StallTest(endpoints).LeastAnswers);

    [Theory]
    [InlineData(2, 20, false)]
    [InlineData(3, 20, false)]
    [InlineData(2, 21, false)]
    [InlineData(3, 21, true)]
    [InlineData(3, Never, true)]
    public void MayBeStalled_NeedsThreeInFlightAndEnoughYoungerCalls(int inFlight, uint heardAge, bool expected) =>
        Assert.Equal(expected, new StallTest(2).IsSuspect(inFlight, heardAge));

    [Theory]
    [InlineData(19, false)]
    [InlineData(20, true)]
    public void AnswersNoneWhileOthersAnswerAll_IsStalledAfterThePatience(int answered, bool expected) =>
        Assert.Equal(expected, IsSilent(waiting: Ages(answered, from: 1), answered: Ages(answered, from: 0)));

    [Fact]
    public void AnswersToCallsOlderThanOneItAnswered_DoNotCount()
    {
        uint[] waiting = Ages(20, from: 1);
        uint[] answered = Ages(30, from: 0);

        Assert.True(IsSilent(waiting, answered, heardAge: 40));
        Assert.False(IsSilent(waiting, answered, heardAge: 38));
    }

    [Fact]
    public void TwoCallsInFlight_AreNeverEnough()
    {
        uint[] answered = [.. Enumerable.Range(0, 100_000).Select(age => (uint)age)];

        Assert.False(IsSilent(waiting: [200_000, 200_001], answered));
        Assert.True(IsSilent(waiting: [200_000, 200_001, 200_002], answered));
    }

    [Fact]
    public void ThreeCallsInFlight_OneInTenIsLong_AreNotEnough()
    {
        uint[] answered = [.. Enumerable.Range(0, 90).Select(age => (uint)age)];
        uint[] alsoLong = [.. Enumerable.Range(90, 10).Select(age => (uint)age)];

        Assert.False(IsSilent(waiting: [100, 101, 102], answered, othersWaiting: alsoLong));
    }

    [Fact]
    public void NewCalls_AtAnIdleEndpoint_AreNotStalled()
    {
        uint[] answered = [.. Enumerable.Range(10, 64).Select(age => (uint)age)];

        Assert.False(IsSilent(waiting: Ages(10, from: 0), answered));
    }

    [Fact]
    public void OthersWaitAsMuch_IsNotStalled()
    {
        // Half of the others' calls are as long.
        uint[] all = Ages(60, from: 0);
        uint[] answered = [.. all.Where((_, i) => i % 2 == 0)];
        uint[] othersWaiting = [.. all.Where((_, i) => i % 2 == 1)];

        Assert.False(IsSilent(waiting: Ages(15, from: 1), answered, othersWaiting));
        Assert.True(IsSilent(waiting: Ages(60, from: 1), answered, othersWaiting));
    }

    [Theory]
    [InlineData(40, false)]
    [InlineData(0.4, true)]
    public void OwnAnswersAreLong_IsAllowedAsMuch(double seconds, bool expected)
    {
        TimeSpan[] itsAnswers = [.. Enumerable.Repeat(TimeSpan.FromSeconds(seconds), 20)];

        Assert.Equal(expected, IsSilent(Ages(30, from: 1), Ages(30, from: 0), itsAnswers: itsAnswers));
    }

    /// <summary>As in a burst of answers after a pause of our own process: dozens of younger calls are answered, but none was quicker than those that wait.</summary>
    [Theory]
    [InlineData(40, false)]
    [InlineData(0.4, true)]
    public void OthersTookLong_IsAllowedAsMuch(double seconds, bool expected)
    {
        TimeSpan[] othersTook = [.. Enumerable.Repeat(TimeSpan.FromSeconds(seconds), 20)];

        Assert.Equal(expected, IsSilent(Ages(30, from: 1), Ages(30, from: 0), othersTook: othersTook));
    }

    [Fact]
    public void FewOwnAnswers_IsComparedWithTheOthers()
    {
        TimeSpan[] itsAnswers = [TimeSpan.Zero];

        Assert.True(IsSilent(Ages(20, from: 1), Ages(20, from: 0), itsAnswers: itsAnswers));
    }

    private static bool IsSilent(uint[] waiting, uint[] answered, uint[]? othersWaiting = null, TimeSpan[]? itsAnswers = null, uint heardAge = Never,
        TimeSpan[]? othersTook = null) =>
        new StallTest(2).HasStalled(
            [.. waiting.Select(age => (age, TimeSpan.FromSeconds(age / 10.0)))], answered, othersWaiting ?? [], othersTook ?? [], itsAnswers ?? [], heardAge);

    /// <summary>Every other call.</summary>
    private static uint[] Ages(int count, uint from) => [.. Enumerable.Range(0, count).Select(i => from + (2 * (uint)i))];
}
