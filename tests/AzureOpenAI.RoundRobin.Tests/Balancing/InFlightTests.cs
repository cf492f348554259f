using AzureOpenAI.RoundRobin.Balancing;
using AzureOpenAI.RoundRobin.Endpoints;
using AzureOpenAI.RoundRobin.Tests.Fakes;

namespace AzureOpenAI.RoundRobin.Tests.Balancing;

/// <summary>Which attempts run; that none begins at what has left or is closed; and that what the pool owns is released once, after the last.</summary>
public class InFlightTests
{
    private const int HasLeft = 11;
    private const int Rounds = 100;

    private readonly BalancerParts _parts = new(["ab"]);

    private InFlight InFlight => _parts.InFlight;

    [Fact]
    public void TryBegin_Endpoint_RunsThereInItsEpoch()
    {
        Attempt attempt = InFlight.TryBegin(_parts['a'], 7)!;

        Assert.Equal((_parts['a'], 7), (attempt.Endpoint, attempt.Epoch));
        Assert.Equal((1, 0), (CountAt('a'), CountAt('b')));
        InFlight.End(attempt);
        Assert.Equal(0, CountAt('a'));
    }

    [Fact]
    public void TryBegin_EndpointHasLeft_IsNullAndLeavesNothing()
    {
        InFlight.Retire([_parts['a']]);

        Assert.Null(InFlight.TryBegin(_parts['a'], 0));

        Assert.Equal(0, CountAt('a'));
        Assert.NotNull(InFlight.TryBegin(_parts['b'], 0));
    }

    [Fact]
    public void TryBegin_Closed_IsNullAndLeavesNothing()
    {
        InFlight.Close([_parts['a'], _parts['b']]);

        Assert.Null(InFlight.TryBegin(_parts['a'], 0));

        Assert.True(InFlight.IsClosed);
        Assert.Equal(0, CountAt('a'));
    }

    [Fact]
    public void Snapshot_Attempts_HasThoseThatRun()
    {
        Attempt[] attempts = [InFlight.Begin(_parts['a'], 0), InFlight.Begin(_parts['b'], 0)];

        Assert.Equivalent(attempts, InFlight.Snapshot());
    }

    [Fact]
    public void Recent_Unanswered_IsThoseOfTheRejectionTime()
    {
        _parts.Begin('a');
        _parts.Pass(0.25);
        _parts.Begin('a').IsAnswered = true;
        _parts.Begin('a');
        _parts.Begin('b');
        Assert.Equal((2, 1), Unanswered());

        _parts.Pass(0.001);
        InFlight.ForgetRecent(_parts.Now);

        Assert.Equal((1, 1), Unanswered());
    }

    /// <summary>Answered or not: that says what an endpoint took before its first rejection.</summary>
    [Fact]
    public void Recent_OfLastSecond_IsThoseThatRun()
    {
        _parts.Begin('a');
        _parts.Pass(0.5);
        _parts.Begin('a').IsAnswered = true;
        _parts.Begin('b');
        _parts.Pass(0.5);
        Assert.Equal((2, 1), OfLastSecond());

        _parts.Pass(0.001);
        InFlight.ForgetRecent(_parts.Now);

        Assert.Equal((1, 1), OfLastSecond());
    }

    [Fact]
    public void Recent_WhatBeginsBetweenTwoQuestions_Counts()
    {
        _parts.Begin('a');
        Assert.Equal((1, 0), Unanswered());

        _parts.Begin('a');
        _parts.Begin('b');

        Assert.Equal((2, 1), Unanswered());
        InFlight.ForgetRecent(_parts.Now);
        Assert.Equal((2, 1), Unanswered());
    }

    /// <summary>Where ten thousands of calls are in flight, the count of all of them is not made anew for each.</summary>
    [Fact]
    public void Recent_CountTookLong_IsKeptFor25TimesAsLong()
    {
        Attempt attempt = _parts.Begin('a');
        _parts.Time.AutoAdvanceAmount = TimeSpan.FromMilliseconds(1);
        long counted = _parts.Now;
        Assert.Equal(1, InFlight.Recent(_parts['a'], counted).Unanswered);
        attempt.IsAnswered = true;

        InFlight.ForgetRecent(counted + TimeSpan.FromMilliseconds(24).Ticks);
        Assert.Equal(1, InFlight.Recent(_parts['a'], counted).Unanswered);
        InFlight.ForgetRecent(counted + TimeSpan.FromMilliseconds(25).Ticks);
        Assert.Equal(0, InFlight.Recent(_parts['a'], counted).Unanswered);
    }

    [Fact]
    public void MayHaveStall_ThreeCallsAtAnEndpoint_IsNotedUntilItIsForgotten()
    {
        _parts.Begin('a');
        _parts.Begin('a');
        _parts.Begin('b');
        Assert.False(InFlight.MayHaveStall);
        _parts.Begin('a');
        Assert.True(InFlight.MayHaveStall);

        InFlight.ForgetMayHaveStall();
        Assert.False(InFlight.MayHaveStall);
        InFlight.NoteMayHaveStall();
        Assert.True(InFlight.MayHaveStall);
    }

    [Fact]
    public void TellDrained_NoCallsAreLeft_LogsEachOnce()
    {
        Attempt attempt = InFlight.Begin(_parts['a'], 0);
        InFlight.Retire([_parts['a'], _parts['b']]);
        Assert.Equal([_parts['a'], _parts['b']], InFlight.Leaving);

        InFlight.TellDrained();
        Assert.Equal([_parts['a']], InFlight.Leaving);
        Assert.Equal("b", Assert.Single(_parts.Logs.GetSnapshot()).GetStructuredStateValue("Endpoint"));

        InFlight.End(attempt);
        InFlight.LookForLeavers(_parts['a']);
        InFlight.LookForLeavers(_parts['a']);

        Assert.Empty(InFlight.Leaving);
        Assert.Equal([HasLeft, HasLeft], _parts.LoggedIds());
        Assert.Equal("a", _parts.Logs.LatestRecord.GetStructuredStateValue("Endpoint"));
    }

    [Fact]
    public void Retire_Twice_KeepsThoseFromBefore()
    {
        InFlight.Begin(_parts['a'], 0);
        InFlight.Begin(_parts['b'], 0);
        InFlight.Retire([_parts['a']]);
        InFlight.Retire([_parts['b']]);

        Assert.Equal([_parts['a'], _parts['b']], InFlight.Leaving);
        Assert.Equal((true, true), (_parts['a'].IsRetired, _parts['b'].IsRetired));
    }

    [Fact]
    public void LookForLeavers_EndpointThatStays_TellsAndReleasesNothing()
    {
        InFlight.Retire([_parts['b']]);

        InFlight.LookForLeavers(_parts['a']);

        Assert.Equal([_parts['b']], InFlight.Leaving);
        Assert.Equal(0, _parts.Released);
    }

    [Fact]
    public void Drain_LastAttemptHasEnded_ReleasesOnce()
    {
        Attempt attempt = InFlight.Begin(_parts['a'], 0);
        InFlight.Close([_parts['a'], _parts['b']]);
        InFlight.Drain();
        Assert.Equal(0, _parts.Released);

        InFlight.End(attempt);
        InFlight.LookForLeavers(_parts['a']);
        InFlight.LookForLeavers(_parts['a']);
        InFlight.Drain();

        Assert.Equal(1, _parts.Released);
    }

    [Fact]
    public void LookForLeavers_BeforeTheDisposingThreadHasLooked_ReleasesNothing()
    {
        Attempt attempt = InFlight.Begin(_parts['a'], 0);
        InFlight.Close([_parts['a'], _parts['b']]);
        InFlight.End(attempt);

        // A thread that began an attempt may not have seen yet that all is closed: only the fence before Drain says that.
        InFlight.LookForLeavers(_parts['a']);
        Assert.Equal(0, _parts.Released);
        InFlight.Drain();

        Assert.Equal(1, _parts.Released);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2 })]
    [InlineData(new[] { 2, 1, 0 })]
    [InlineData(new[] { 1, 2, 0 })]
    public void Drain_AttemptsEndInAnyOrder_ReleasesAfterTheLast(int[] order)
    {
        Attempt[] attempts = [.. order.Select(_ => InFlight.Begin(_parts['a'], 0))];
        InFlight.Close([_parts['a'], _parts['b']]);
        InFlight.Drain();
        foreach (int next in order)
        {
            Assert.Equal(0, _parts.Released);
            InFlight.End(attempts[next]);
            InFlight.LookForLeavers(_parts['a']);
        }

        Assert.Equal(1, _parts.Released);
    }

    [Fact]
    public void Close_WhileManyBegin_NothingRunsOnceItIsReleased()
    {
        for (int round = 0; round < Rounds; round++)
        {
            BalancerParts parts = new(["ab"]);
            bool ranAfterwards = false;
            int threads = 0;
            Race(
                () =>
                {
                    // At both endpoints: they are closed one after the other.
                    Endpoint endpoint = parts[Interlocked.Increment(ref threads) % 2 == 0 ? 'a' : 'b'];
                    while (parts.InFlight.TryBegin(endpoint, 0) is { } attempt)
                    {
                        Volatile.Write(ref ranAfterwards, Volatile.Read(ref ranAfterwards) || parts.Released > 0);
                        parts.InFlight.End(attempt);
                        End(parts, endpoint);
                    }

                    End(parts, endpoint);
                },
                () =>
                {
                    // The same over and over, so that much happens after the first is closed and before the last is.
                    parts.InFlight.Close([.. Enumerable.Repeat(parts['a'], 50_000), parts['b']]);
                    Interlocked.MemoryBarrierProcessWide();
                    parts.InFlight.Drain();
                });

            Assert.Equal((1, false), (parts.Released, ranAfterwards));
        }

        static void End(BalancerParts parts, Endpoint endpoint)
        {
            if (endpoint.IsClosed)
            {
                parts.InFlight.LookForLeavers(endpoint);
            }
        }
    }

    [Fact]
    public void Retire_WhileManyBegin_IsLoggedOnceWhenAllHaveEnded()
    {
        for (int round = 0; round < Rounds; round++)
        {
            BalancerParts parts = new(["ab"]);
            Endpoint a = parts['a'];
            Race(
                () =>
                {
                    while (parts.InFlight.TryBegin(a, 0) is { } attempt)
                    {
                        parts.InFlight.End(attempt);
                        if (a.IsClosed)
                        {
                            parts.InFlight.LookForLeavers(a);
                        }
                    }

                    parts.InFlight.LookForLeavers(a);
                },
                () =>
                {
                    parts.InFlight.Retire([a]);
                    Interlocked.MemoryBarrierProcessWide();
                    parts.InFlight.TellDrained();
                });

            Assert.Empty(parts.InFlight.Leaving);
            Assert.Equal((HasLeft, 0), (Assert.Single(parts.LoggedIds()), parts.Released));
        }
    }

    /// <summary>Three threads do one thing over and over, and one the other in the midst of it.</summary>
    private static void Race(Action many, Action one)
    {
        using Barrier start = new(4);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(i => new Thread(() =>
        {
            start.SignalAndWait();
            (i < 3 ? many : one)();
        }))];
        Array.ForEach(threads, static thread => thread.Start());
        Array.ForEach(threads, static thread => thread.Join());
    }

    private (int OfA, int OfB) OfLastSecond() => (InFlight.Recent(_parts['a'], _parts.Now).OfLastSecond, InFlight.Recent(_parts['b'], _parts.Now).OfLastSecond);

    private (int OfA, int OfB) Unanswered() => (InFlight.Recent(_parts['a'], _parts.Now).Unanswered, InFlight.Recent(_parts['b'], _parts.Now).Unanswered);

    private int CountAt(char name) => InFlight.CountAtEach().GetValueOrDefault(_parts[name]);
}
