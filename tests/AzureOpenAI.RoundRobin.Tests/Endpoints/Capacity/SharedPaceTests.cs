using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

public sealed class SharedPaceTests
{
    private static readonly PermitPace Known = new() { Version = 3, PerSecond = 10, Plateau = 10, Along = 1, Back = TimeSpan.FromSeconds(1), IsConfirmed = true, Position = 100 };

    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly Pace _pace;
    private readonly SharedPace _shared;
    private int _wanted;

    public SharedPaceTests()
    {
        _pace = new(_time);
        _shared = new(_time, _pace, default, _ => _wanted++);
    }

    private long Now => _time.GetTimestamp();

    [Fact]
    public void WithoutARejection_NothingIsAsked()
    {
        Assert.False(_shared.IsActive);
        Assert.True(_shared.HasRoom(Now));
        Assert.Equal(0, _wanted);
    }

    [Fact]
    public void Permit_StartsWhenTheLineIsAtItsPlace_AndLaterAfterAPause()
    {
        Hear(Known);
        Add(102);
        Assert.False(_shared.HasRoom(Now));
        Assert.InRange(_shared.RoomAt(Now), In(0.199), In(0.2));

        Hear(Known with { Version = 4, PerSecond = 5, Plateau = 5, In = TimeSpan.FromSeconds(0.5) });
        Assert.Equal(1, _shared.HeldAfter(Now));
        Assert.InRange(_shared.RoomAt(Now), In(0.89), In(0.9));
        _time.Advance(TimeSpan.FromSeconds(0.9));
        Assert.True(_shared.HasRoom(Now));
        _shared.Take(Now, hasWaited: true);
        Assert.Equal((0, 0), (_shared.HeldAfter(Now), _shared.ToRequest(0, default).TakenRequests));
    }

    /// <summary>The calls that wait use the pace. Were it known by answers only, a process that asks for nothing more would keep to the rate after the cut.</summary>
    [Fact]
    public void PermitsInHand_FollowThePaceThatComesBack_AndARejectionCutsTheRateOfItsCall()
    {
        PermitPace cut = Known with { PerSecond = 5, Cut = 0.5, Along = 0 };
        Hear(cut);
        Add(108);
        Assert.InRange(_shared.RoomAt(Now), In(0.92), In(0.93));

        _time.Advance(TimeSpan.FromSeconds(0.93));
        _shared.Take(Now, hasWaited: true);
        Assert.InRange(_pace.PerSecond, 9.9, 10.1);
        Assert.True(_pace.Rejected(Now, Now, TimeSpan.FromSeconds(0.2), 0));
        Assert.InRange(_pace.PerSecond, 8.9, 9.1);
    }

    /// <summary>They would all start at the end of the first pause.</summary>
    [Fact]
    public void PermitsFromBeforeTheFirstPace_AreVoid()
    {
        _shared.Heard(taken: 3, Now);
        Hear(new() { Version = 0, Position = 100 });
        Add(100);
        Add(101);
        Hear(Known with { Version = 1, In = TimeSpan.FromSeconds(0.5) });
        Assert.Equal((0, (2, 0)), (_shared.HeldAfter(Now), _shared.Count()));
    }

    [Fact]
    public void OthersHearOfARejection_OnceThePaceIsChanged()
    {
        Hear(Known);
        _shared.Rejected(Reject(0.5), taken: 0, Now);
        Assert.False(_shared.IsChanged);
        Hear(_shared.ToRequest(0, default).Pace! with { Version = 4, Position = 100 });
        Assert.True(_shared.IsChanged);

        // Another process's, which it hears of with an answer.
        Hear(Known with { Version = 5 });
        Assert.False(_shared.IsChanged);
    }

    [Fact]
    public void Rejection_IsToldOnce_WithTheVersionThatItChanges()
    {
        Hear(Known);
        _shared.Rejected(Reject(0.5), taken: 0, Now);
        PermitLimit told = _shared.ToRequest(0, default);
        // It begins a phase of the test, in which none was rejected yet.
        Assert.Equal((3, true, 0, TimeSpan.FromSeconds(0.5)), (told.Pace!.Version, told.IsPaceChanged, told.Rejected, told.Pace.In));
        Assert.InRange(told.Pace.PerSecond, 9, 9.9);

        Hear(told.Pace with { Version = 4, Position = 100 });
        told = _shared.ToRequest(0, default);
        Assert.Equal((4, false, 0), (told.Pace!.Version, told.IsPaceChanged, told.Rejected));
        Assert.False(_shared.HasNews);
    }

    [Fact]
    public void RejectionOfACallFromBeforeAnothersCut_ChangesNothing()
    {
        Hear(Known);
        long sentAt = Now;
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Hear(Known with { Version = 4, PerSecond = 9, In = TimeSpan.FromSeconds(0.2) });
        bool isChanged = _pace.Rejected(Now, sentAt, TimeSpan.FromSeconds(0.2), 0);

        _shared.Rejected(isChanged, 0, Now);
        Assert.Equal((9, false), (_pace.PerSecond, _shared.ToRequest(0, default).IsPaceChanged));
    }

    [Fact]
    public void FirstRejection_SaysHowManyCallsThereWere_AndSoDoesWhoHearsOfIt()
    {
        _shared.Rejected(Reject(0.5, taken: 7), 7, Now);
        PermitLimit told = _shared.ToRequest(0, default);
        Assert.Equal((0, true, 7d), (told.Pace!.Version, told.IsPaceChanged, told.Recent));

        SharedPace other = new(_time, new Pace(_time), default, _ => _wanted++);
        other.Heard(taken: 4, Now);
        told = other.ToRequest(0, default);
        Assert.Equal((true, 0, false, 4d), (other.IsActive, told.Pace!.Version, told.IsPaceChanged, told.Recent));
        Assert.False(other.HasRoom(Now));
    }

    [Fact]
    public void Alone_ItKeepsItsShare_AndTheFleetsPaceCountsAgainAfterwards()
    {
        long granted = 0;
        for (int i = 0; i < 40; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(0.2));
            Hear(Known, granted += 4);
            Add(100);
            _shared.Answered(Now, granted, isRefusedAhead: false, Now);
            _shared.Take(Now, hasWaited: false);
        }

        _shared.GoAlone(In(1));
        Assert.InRange(_pace.PerSecond, 2, 3.2);
        // Its last start counts.
        Assert.Equal(In(1 / _pace.PerSecond), _pace.RoomAt);
        _shared.GoAlone(In(2));
        Assert.InRange(_pace.PerSecond, 2, 3.2);
        Hear(Known, granted);
        Assert.Equal((10d, false), (_pace.PerSecond, _shared.IsAlone));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AnswerThatComesLate_IsForTheCallsThatHaveStartedMeanwhile(bool isLate)
    {
        Hear(Known);
        _shared.ToRequest(0, default);
        if (isLate)
        {
            _shared.GoAlone(In(1));
        }

        _shared.Take(Now, hasWaited: false);
        Assert.True(_shared.TryHear(Known, Now));
        Add(100);
        Add(101);
        _shared.Answered(Now, 2, isRefusedAhead: false, Now);

        Assert.Equal(isLate ? (1, 0) : (2, 1), (_shared.HeldAfter(Now), _shared.ToRequest(0, default).TakenRequests));
    }

    [Fact]
    public void LongPause_VoidsPermits_SoThatOtherEndpointsAreAskedFor()
    {
        Hear(Known);
        Add(100);
        Add(101);
        _shared.VoidBefore(In(0.5), Now);
        Assert.Equal(2, _shared.HeldAfter(Now));
        _shared.VoidBefore(In(5), Now);
        Assert.Equal((0, (2, 0)), (_shared.HeldAfter(Now), _shared.Count()));
    }

    [Fact]
    public void GrantsThatBeginAnew_VoidThePermitsInHand()
    {
        Hear(Known, granted: 50);
        Add(100);
        _shared.Compare(3);
        Assert.Equal(0, _shared.HeldAfter(Now));
    }

    [Fact]
    public void PaceThatOthersHaveForgotten_IsForgotten()
    {
        Hear(Known);
        Hear(new() { Version = 4, Position = 100 });
        Assert.Equal((false, false), (_pace.IsKnown, _shared.IsActive));
    }

    [Fact]
    public void ValuesThatCannotBe_AreRefused()
    {
        PermitPace[] wrong =
        [
            Known with { Version = -1 }, Known with { PerSecond = 0.001 }, Known with { PerSecond = double.NaN }, Known with { PerSecond = 1e7 }, Known with { Plateau = -1 }, Known with { Cut = 0.9 },
            Known with { Along = double.PositiveInfinity }, Known with { Back = TimeSpan.Zero }, Known with { Back = TimeSpan.FromHours(1) }, Known with { Position = double.NaN }, Known with { In = TimeSpan.FromDays(1) },
            Known with { In = -TimeSpan.FromDays(1) }, Known with { FirstsRejected = 99 }, Known with { LastUnstated = TimeSpan.FromDays(1) }, Known with { TestPhase = 9 }, Known with { TestShare = 2 }, Known with { TestCalls = -1 },
            Known with { TestPhase = 2 }, Known with { TestLow = -1 }, Known with { TestFailed = 99 }, Known with { TestAgain = TimeSpan.FromDays(1) }, Known with { TestAgain = -TimeSpan.FromSeconds(1) },
        ];

        Assert.All(wrong, pace => Assert.False(_shared.TryHear(pace, Now)));
        Assert.False(_shared.TryHear(null, Now));
        Assert.False(_pace.IsKnown);
    }

    private long In(double seconds) => _time.After(Now, TimeSpan.FromSeconds(seconds));

    private bool Reject(double pause, double taken = 0)
    {
        _time.Advance(TimeSpan.FromSeconds(1));
        return _pace.Rejected(Now, Now, TimeSpan.FromSeconds(pause), taken);
    }

    private void Add(double place) => _shared.Add(new() { Limit = 0, In = default, For = TimeSpan.FromMilliseconds(50), Place = place }, Now, Now, isAhead: false);

    private void Hear(PermitPace pace, long granted = 1)
    {
        _shared.ToRequest(0, default);
        Assert.True(_shared.TryHear(pace, Now));
        _shared.Answered(Now, granted, isRefusedAhead: false, Now);
    }
}
