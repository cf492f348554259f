using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public sealed class SharedLimitsTests
{
    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly ConfiguredLimits _configured;
    private int _wanted;

    public SharedLimitsTests() => _configured = new(_time);

    private long Now => _time.GetTimestamp();

    [Fact]
    public void PermitInHand_IsTheRoom_AtItsStart()
    {
        SharedLimits shared = Shared(600, null);
        Assert.Equal((false, 1), (shared.HasRoom(Now), _wanted));

        shared.Add(In(0.5), In(0.6), 0, isAhead: false);
        Assert.Equal((false, In(0.5), In(0.5)), (shared.HasRoom(Now), shared.RoomAt(Now), shared.SoonestAt(Now)));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.True(shared.HasRoom(Now));
        _configured.Take(0, Now);
        Assert.Equal((false, 0), (shared.HasRoom(Now), shared.Alone));
    }

    /// <summary>The call that waited for a permit starts late by its timer; that is one start of the limit and not two. One that was granted ahead is for a time that is over.</summary>
    [Theory]
    [InlineData(false, 0, new double[] { 40, 50, 50, 50 })]
    [InlineData(true, 4, new double[] { 20, 20, 20, 20 })]
    public void PermitPastItsEnd_IsUsed_AndToldIfNoCallWaitedForIt_ElseTheNextAreKeptForLonger(bool isAhead, int told, double[] expected)
    {
        SharedLimits shared = Shared(600, null);
        List<double> holds = [];
        for (int i = 0; i < 4; i++)
        {
            shared.Add(Now, Now, 0, isAhead);
            _time.Advance(TimeSpan.FromSeconds(0.1));
            Assert.True(shared.HasRoom(Now));
            _configured.Take(0, Now);
            holds.Add(shared.Hold.TotalMilliseconds);
        }

        Assert.Equal(expected, holds);
        Assert.Equal((told, (0, 0)), (shared.ToRequest(0, TimeSpan.Zero).TakenRequests, shared.Count()));
    }

    [Fact]
    public void PermitLongPastItsEnd_OrForTheTimeOfAPause_IsVoid()
    {
        SharedLimits shared = Shared(600, null);
        shared.Add(Now, Now, 0, isAhead: false);
        _time.Advance(TimeSpan.FromSeconds(0.3));
        Assert.False(shared.HasRoom(Now));
        shared.Add(Now, In(1), 0, isAhead: false);
        shared.Add(Now, In(3), 0, isAhead: false);
        shared.VoidBefore(In(2));

        Assert.Equal((1, (2, 0)), (shared.HeldAfter(Now), shared.Count()));
        Assert.Equal((0, 0), shared.Count());
    }

    [Fact]
    public void TokensOfPermits_ArePooled()
    {
        SharedLimits shared = Shared(600, 100_000);
        for (int i = 0; i < 3; i++)
        {
            shared.Add(Now, In(1), 100, isAhead: false);
        }

        Assert.Equal((true, false), (shared.HasRoomFor(300, Now), shared.HasRoomFor(301, Now)));
        _configured.Take(250, Now);
        Assert.Equal((2, true, false), (shared.HeldAfter(Now), shared.HoldsFor(50, Now), shared.HoldsFor(51, Now)));

        // What a smaller call leaves is for the next one.
        _configured.Take(10, Now);
        Assert.Equal((1, true, false), (shared.HeldAfter(Now), shared.HoldsFor(40, Now), shared.HoldsFor(41, Now)));
    }

    [Fact]
    public void StartsWithoutAPermit_AreToldUntilTheyAreAnswered()
    {
        SharedLimits shared = Shared(600, 1000);
        _configured.Take(30, Now);
        Assert.Equal((1, 30), Told(shared));
        Assert.Equal((1, 30), Told(shared));
        _configured.Take(5, Now);
        shared.Answered(Now, 1, isRefusedAhead: false, Now);

        Assert.Equal((1, 5), Told(shared));

        static (int, long) Told(SharedLimits shared) => shared.ToRequest(0, TimeSpan.Zero) is var limit ? (limit.TakenRequests, limit.TakenTokens) : default;
    }

    [Theory]
    [InlineData(6000, 0.01, 10)]
    [InlineData(6000, 0.002, 16)]
    [InlineData(6000, 0.04, 2)]
    [InlineData(1200, 0.01, 5)]
    public void AsksAhead_ForAMomentOfItsFlow_AtMostAQuarterOfTheLimit(int perMinute, double apart, int expected)
    {
        SharedLimits shared = Shared(perMinute, null);
        for (int i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(apart));
            _configured.Take(0, Now);
        }

        Assert.InRange(shared.WantedAhead(Now), expected - 1, expected);
        shared.Add(Now, In(1), 0, isAhead: true);
        for (int i = 0; i < expected / 2; i++)
        {
            shared.Add(Now, In(1), 0, isAhead: true);
        }

        Assert.Equal(0, shared.WantedAhead(Now));
    }

    [Fact]
    public void FewCalls_AskForNothingAhead_ButAProbeAsksForOne()
    {
        SharedLimits shared = Shared(6000, null);
        for (int i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(0.15));
            _configured.Take(0, Now);
        }

        Assert.Equal(0, shared.WantedAhead(Now));
        Assert.Equal(1, shared.WantedAhead(Now, least: 1));
    }

    [Fact]
    public void Alone_KeepsItsShare_UntilItIsTimeToAskAgain()
    {
        SharedLimits shared = Shared(600, null);
        shared.Answered(Now, 100, isRefusedAhead: false, Now);
        shared.Add(Now, Now, 0, isAhead: false);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        shared.Answered(Now, 105, isRefusedAhead: false, Now);
        Assert.Equal(0.2, shared.Share);

        // Two of ten a second.
        shared.GoAlone(In(1));
        Assert.True(shared.HasRoom(Now));
        _configured.Take(0, Now);
        Assert.False(shared.HasRoom(Now));
        Assert.Equal(In(0.5), shared.RoomAt(Now));

        _wanted = 0;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((false, false, 1), (shared.HasRoom(Now), shared.IsAlone, _wanted));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnswerThatComesLate_IsForTheCallsThatHaveStartedMeanwhile(bool isLate)
    {
        SharedLimits shared = Shared(600, 10_000);
        shared.Answered(Now, 100, isRefusedAhead: false, Now);
        shared.ToRequest(0, default);
        if (isLate)
        {
            shared.GoAlone(In(1));
        }

        _configured.Take(30, Now);
        shared.Add(In(0.1), In(0.2), 20, isAhead: false);
        shared.Add(In(0.2), In(0.3), 20, isAhead: false);
        shared.Answered(In(0.3), 102, isRefusedAhead: false, Now);

        PermitLimit told = shared.ToRequest(0, default);
        Assert.Equal(isLate ? (1, 0, 10) : (2, 1, 30), (shared.HeldAfter(Now), told.TakenRequests, told.TakenTokens));
    }

    [Fact]
    public void StartedAPeriodAgo_IsNotTold()
    {
        SharedLimits shared = Shared(600, 600);
        shared.GoAlone(In(100));
        _configured.Take(7, Now);
        _time.Advance(TimeSpan.FromSeconds(0.6));
        _configured.Take(8, Now);
        _configured.Take(9, Now);
        Assert.Equal((3, 24), Told());

        _time.Advance(TimeSpan.FromSeconds(0.6));
        Assert.Equal((2, 24), Told());
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal((0, 17), Told());
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((0, 0), Told());

        (int, long) Told() => shared.ToRequest(0, TimeSpan.Zero) is var limit ? (limit.TakenRequests, limit.TakenTokens) : default;
    }

    private long In(double seconds) => _time.After(Now, TimeSpan.FromSeconds(seconds));

    private SharedLimits Shared(int? requests, int? tokens)
    {
        _configured.Configure(requests, tokens);
        _configured.BeginSharing(default, _ => _wanted++);
        return _configured.Shared!;
    }
}
