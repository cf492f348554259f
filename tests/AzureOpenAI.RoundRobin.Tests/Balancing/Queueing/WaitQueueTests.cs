using AzureOpenAI.RoundRobin.Balancing.Queueing;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;

namespace AzureOpenAI.RoundRobin.Tests.Balancing.Queueing;

public class WaitQueueTests
{
    private readonly FakeClock _time = new();

    [Fact]
    public void Join_AnyOrder_IsOrderedByTicket() => Gen.Int[1, 1000].HashSet[1, 40].Sample(tickets =>
    {
        WaitQueue line = new(_time);
        foreach (int ticket in tickets)
        {
            line.Enqueue(new Waiter(null!, ticket, 0), 0);
        }

        List<long> order = [];
        while (line.Head is { } head)
        {
            order.Add(head.Ticket);
            Assert.True(line.Remove(head));
            Assert.False(line.Remove(head));
        }

        Assert.Equal(tickets.Select(ticket => (long)ticket).Order(), order);
        Assert.Equal(0, line.Length);
    }, iter: 200);

    [Fact]
    public void EstimateWait_BeforeAPaceIsKnown_IsUnknown()
    {
        WaitQueue line = new(_time);
        Assert.Null(line.EstimateWait(Now));
        Join(line, 10);
        for (int i = 0; i < 9; i++)
        {
            line.CountReleased(Now);
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.Null(line.EstimateWait(Now));
        }
    }

    [Fact]
    public void EstimateWait_AtAPace_IsTheLengthDividedByIt()
    {
        WaitQueue line = new(_time);
        Join(line, 19);
        for (int i = 0; i < 20; i++)
        {
            line.CountReleased(Now);
            line.CountReleased(Now);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(10, line.EstimateWait(Now)!.Value.TotalSeconds, 0.5);
    }

    [Fact]
    public void EstimateWait_BeforeAWholeWindowIsSeen_IsNoLongerThanOne()
    {
        WaitQueue line = new(_time);
        Join(line, 299);
        line.CountReleased(Now);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(60, line.EstimateWait(Now)!.Value.TotalSeconds);

        line.CountReleased(Now);
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.True(line.EstimateWait(Now) > TimeSpan.FromHours(1));
    }

    [Fact]
    public void EstimateWait_CallsThatCameBack_AreNotCounted()
    {
        WaitQueue line = new(_time);
        Join(line, 5);
        for (int i = 0; i < 20; i++)
        {
            line.CountReleased(Now);
            line.CountReturned();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Null(line.EstimateWait(Now));
    }

    [Fact]
    public void EstimateWait_WhereHalfOfTheCallsCameBack_CountsTheOthers()
    {
        WaitQueue line = new(_time);
        Join(line, 19);
        for (int i = 0; i < 20; i++)
        {
            line.CountReleased(Now);
            line.CountReleased(Now);
            line.CountReturned();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(20, line.EstimateWait(Now)!.Value.TotalSeconds, 0.5);
    }

    [Fact]
    public void EstimateWait_QueueThatWasEmpty_BeginsAnew()
    {
        WaitQueue line = new(_time);
        Join(line, 1);
        _time.Advance(TimeSpan.FromSeconds(30));
        for (int i = 0; i < 20; i++)
        {
            line.CountReleased(Now);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.NotNull(line.EstimateWait(Now));
        line.Remove(line.Head!);
        Assert.Null(line.EstimateWait(Now));

        Join(line, 9);
        line.CountReleased(Now);
        _time.Advance(TimeSpan.FromSeconds(9.999));
        Assert.Null(line.EstimateWait(Now));
        _time.Advance(TimeSpan.FromSeconds(0.001));

        // One in ten seconds, so ten would take more than the window; what was let go before does not count.
        Assert.Equal(60, line.EstimateWait(Now)!.Value.TotalSeconds);
    }

    [Fact]
    public void EstimateWait_WhenThePaceHasChanged_FollowsTheLastMinute()
    {
        WaitQueue line = new(_time);
        Join(line, 29);
        for (int i = 0; i < 60; i++)
        {
            line.CountReleased(Now);
            line.CountReleased(Now);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        double quick = line.EstimateWait(Now)!.Value.TotalSeconds;
        for (int i = 0; i < 30; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(15, quick, 1.0);
        Assert.Equal(30, line.EstimateWait(Now)!.Value.TotalSeconds, 3.0);
        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.Null(line.EstimateWait(Now));
    }

    private long Now => _time.GetTimestamp();

    private void Join(WaitQueue line, int count)
    {
        for (int i = 0; i < count; i++)
        {
            line.Enqueue(new Waiter(null!, line.DrawTicket(), 0), Now);
        }
    }
}
