using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>The paces of calls and of tokens, and the configured limits, of one deployment: the lowest counts.</summary>
public class EndpointCapacityTests
{
    private static readonly TimeSpan Hint = TimeSpan.FromSeconds(0.5);

    private readonly FakeTimeProvider _time = new(Clocks.Start);
    private readonly EndpointCapacity _capacity;

    public EndpointCapacityTests() => _capacity = new(_time);

    private long Now => _time.GetTimestamp();

    private double RoomIn => _time.Until(Now, _capacity.RoomAt(0, Now)).TotalSeconds;

    [Fact]
    public void Rejected_ForTokens_PacesByTokens()
    {
        Reject(taken: 10, namesTokens: true);
        Assert.Equal((true, true, true, true, false), (_capacity.IsLimited, _capacity.HasPace, _capacity.CountsTokens, _capacity.KnowsPace(true), _capacity.KnowsPace(false)));
        LearnUsual(100);

        double rate = 1 / After(100);
        Assert.Equal(3 / rate, After(300), 0.1 / rate);
        Assert.Equal(0.5 / rate, After(50), 0.1 / rate);
        Assert.Equal(1 / rate, After(0), 0.1 / rate);
    }

    [Fact]
    public void Rejected_ForRequests_PacesByCallsWhateverTheirTokens()
    {
        Reject(taken: 10, namesTokens: false);
        Assert.Equal((true, true, false, false, true), (_capacity.IsLimited, _capacity.HasPace, _capacity.CountsTokens, _capacity.KnowsPace(true), _capacity.KnowsPace(false)));
        LearnUsual(100);

        double one = After(100);
        Assert.Equal(one, After(3000), 0.1 * one);
    }

    [Fact]
    public void Rejected_ForBoth_TheSlowerOneCounts()
    {
        Reject(taken: 10, namesTokens: false);
        Reject(taken: 10, namesTokens: true);
        LearnUsual(100);

        // The pace of tokens would let a small call be followed at once, and that of calls does not.
        double small = After(1);
        double large = After(1000);
        Assert.Equal(0.1, small, 0.01);
        Assert.Equal(1, large, 0.1);
    }

    [Fact]
    public void Rejected_ForTokens_TheirPauseHoldsForAllCalls()
    {
        Reject(taken: 10, namesTokens: true);

        Assert.Equal(_time.After(Now, Hint), _capacity.PausedUntil);
        Assert.Equal(_capacity.PausedUntil, _capacity.StatedUntil);
        Assert.False(_capacity.HasRoom(0, Now));
        _time.Advance(Hint);
        Assert.True(_capacity.HasRoom(0, Now));
    }

    [Fact]
    public void PerSecond_CallsAreLargerThanBefore_IsLower()
    {
        Reject(taken: 10, namesTokens: true);
        LearnUsual(100);
        // One that is rejected after the pause confirms the rate.
        _time.Advance(TimeSpan.FromSeconds(1));
        _capacity.Charge(100, Now);
        _time.Advance(TimeSpan.FromSeconds(0.2));
        _capacity.Charge(100, Now);
        Reject(taken: 0, namesTokens: true);
        double before = _capacity.PerSecond!.Value;

        for (int i = 0; i < 300; i++)
        {
            After(400);
        }

        Assert.Equal(before / 4, _capacity.PerSecond!.Value, 0.05 * before);
    }

    /// <summary>A service that states when it has room again does not limit calls in flight: it does not know when one will end.</summary>
    [Fact]
    public void RejectedAt_WithAStatedPause_WatchesNoCallsInFlightForAMinute()
    {
        Reject(taken: 10, namesTokens: false);
        Assert.True(_capacity.WatchesInFlight(Now));

        _capacity.RejectedAt(met: 3, Now, Hint, Now);

        Assert.False(_capacity.WatchesInFlight(Now));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_capacity.WatchesInFlight(Now));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Rejected_WithPermitsInHand_ThoseForThePauseAreVoid(bool namesTokens)
    {
        _capacity.Configured.Configure(requestsPerMinute: 600, tokensPerMinute: null);
        _capacity.Configured.BeginSharing(default, static _ => { });
        SharedLimits shared = _capacity.Configured.Shared!;
        foreach (double start in new[] { 0.1, 0.4, 0.6 })
        {
            shared.Add(_time.After(Now, TimeSpan.FromSeconds(start)), _time.After(Now, TimeSpan.FromSeconds(start + 0.05)), tokens: 0, isAhead: false);
        }

        Reject(taken: 10, namesTokens);

        Assert.Equal((2, 1), (shared.Voided, shared.HeldAfter(Now)));
    }

    private void Reject(double taken, bool namesTokens) => _capacity.Rejected(Now, Now, Hint, taken, namesTokens);

    /// <summary>Twenty calls say what a usual one is.</summary>
    private void LearnUsual(long tokens)
    {
        for (int i = 0; i < 20; i++)
        {
            After(tokens);
        }
    }

    /// <summary>The seconds from a call of that size to the next. It comes so late that the rate does not grow.</summary>
    private double After(long tokens)
    {
        _time.Advance(TimeSpan.FromSeconds(RoomIn + 0.2));
        _capacity.Charge(tokens, Now);
        return RoomIn;
    }
}
