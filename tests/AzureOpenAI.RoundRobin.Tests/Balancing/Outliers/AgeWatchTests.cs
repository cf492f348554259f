using AzureOpenAI.RoundRobin.Balancing.Outliers;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Outliers;

/// <summary>How old a call may be before its age alone speaks against its endpoint.</summary>
public class AgeWatchTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly AgeWatch _ages;

    public AgeWatchTests() => _ages = new(_time);

    private TimeSpan? Limit => _ages.JudgedAt(100) is var at && at == long.MaxValue ? null : _time.GetElapsedTime(100, at);

    [Theory]
    [InlineData(4, null)]
    [InlineData(5, 20.0)]
    [InlineData(63, 20.0)]
    [InlineData(64, 5.0)]
    [InlineData(200, 5.0)]
    public void TheLimit_IsAMultipleOfTheLongestAnswer_BySoManyAnswers(int answers, double? times)
    {
        Answer(1, seconds: 10);
        Answer(answers - 1, seconds: 1);

        Assert.Equal(times * 10, Limit?.TotalSeconds);
    }

    [Fact]
    public void ALongerAnswer_MovesTheLimitAtOnce()
    {
        Answer(100, seconds: 1);
        Assert.Equal(5, Limit?.TotalSeconds);

        Answer(1, seconds: 3);

        Assert.Equal(15, Limit?.TotalSeconds);
    }

    [Fact]
    public void QuickAnswers_LeaveALimitOfTwoSeconds()
    {
        Answer(100, seconds: 0.01);

        Assert.Equal(2, Limit?.TotalSeconds);
    }

    [Fact]
    public void ALongAnswer_IsForgottenAfterTwoPeriods()
    {
        Answer(100, seconds: 30);
        _time.Advance(TimeSpan.FromMinutes(5));
        Answer(1, seconds: 1);
        Assert.Equal(150, Limit?.TotalSeconds);

        _time.Advance(TimeSpan.FromMinutes(5));
        Answer(1, seconds: 1);

        Assert.Equal(5, Limit?.TotalSeconds);
    }

    [Fact]
    public void ALongAnswer_IsForgottenAtOnceAfterAPauseOfTwoPeriods()
    {
        Answer(100, seconds: 30);
        _time.Advance(TimeSpan.FromMinutes(10));

        Answer(1, seconds: 1);

        Assert.Equal(5, Limit?.TotalSeconds);
    }

    private void Answer(int times, double seconds)
    {
        for (int i = 0; i < times; i++)
        {
            _ages.Add(TimeSpan.FromSeconds(seconds), _time.GetTimestamp());
        }
    }
}
