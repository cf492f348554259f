using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

public class RetryBudgetTests
{
    private readonly FakeClock _time = new();

    [Fact]
    public void TryTake_AtOneMoment_GivesTheBurst()
    {
        RetryBudget budget = new(_time);

        Assert.Equal(10, TakeAll(budget, 0));
    }

    [Fact]
    public void TryTake_AfterTime_GivesTenASecondAndNeverMoreThanTheBurst()
    {
        RetryBudget budget = new(_time);
        TakeAll(budget, 0);

        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(5, TakeAll(budget, 0));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(10, TakeAll(budget, 0));
    }

    [Fact]
    public void NextAt_IsWhenTheNextIsThere()
    {
        RetryBudget budget = new(_time);
        Assert.Equal(_time.GetTimestamp(), budget.NextAt(_time.GetTimestamp()));
        TakeAll(budget, 0);
        _time.Advance(TimeSpan.FromSeconds(0.075));
        Assert.Equal(0, TakeAll(budget, 0));

        long next = budget.NextAt(_time.GetTimestamp());

        Assert.Equal(0.025, _time.GetElapsedTime(_time.GetTimestamp(), next).TotalSeconds, 6);
        _time.Advance(TimeSpan.FromSeconds(0.026));
        Assert.Equal(1, TakeAll(budget, 0));
    }

    [Fact]
    public void TryTake_AfterCalls_GivesOneForEveryFive()
    {
        RetryBudget budget = new(_time);
        TakeAll(budget, 0);

        Assert.Equal(1, TakeAll(budget, 5));
        Assert.Equal(0, TakeAll(budget, 9));
        Assert.Equal(1, TakeAll(budget, 10));
    }

    [Fact]
    public void TryTake_WhenTheCountOfCallsWraps_GoesOn()
    {
        RetryBudget budget = new(_time);
        budget.TryTake(_time.GetTimestamp(), uint.MaxValue - 4);
        TakeAll(budget, uint.MaxValue - 4);

        Assert.Equal(2, TakeAll(budget, 5));
    }

    [Fact]
    public void NextAt_WhileEmpty_IsWhenTheNextTokenIsThere()
    {
        RetryBudget budget = new(_time);
        Assert.Equal(_time.GetTimestamp(), budget.NextAt(_time.GetTimestamp()));
        TakeAll(budget, 0);

        long next = budget.NextAt(_time.GetTimestamp());
        _time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.True(_time.GetTimestamp() < next);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.True(_time.GetTimestamp() >= next);
        Assert.Equal(1, TakeAll(budget, 0));
    }

    private int TakeAll(RetryBudget budget, uint calls)
    {
        int taken = 0;
        while (budget.TryTake(_time.GetTimestamp(), calls))
        {
            taken++;
        }

        return taken;
    }
}
