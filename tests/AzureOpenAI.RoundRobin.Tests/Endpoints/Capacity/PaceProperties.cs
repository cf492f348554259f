using System.Reflection;
using AzureOpenAI.RoundRobin.Endpoints.Capacity;
using AzureOpenAI.RoundRobin.Tests.Fakes;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints.Capacity;

/// <summary>What holds of a pace, whatever calls, rejections and pauses come in whatever order; and how it finds a limit that has changed.</summary>
public class PaceProperties
{
    private const double LeastRate = 0.01;

    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(2);

    /// <summary>Of every form: none, short, exact, in whole seconds, constant, a minute and more.</summary>
    private static readonly Gen<TimeSpan?> Hints = Gen.OneOf(
        Gen.Const((TimeSpan?)null),
        Gen.Int[1, 99].Select(static ms => (TimeSpan?)TimeSpan.FromMilliseconds(ms)),
        Gen.Int[100, 12_000].Select(static ms => (TimeSpan?)TimeSpan.FromMilliseconds(ms)),
        Gen.Int[1, 45].Select(static seconds => (TimeSpan?)TimeSpan.FromSeconds(seconds)),
        Gen.Const((TimeSpan?)TimeSpan.FromSeconds(1)),
        Gen.Const((TimeSpan?)TimeSpan.FromMilliseconds(350)),
        Gen.Int[60_000, 300_000].Select(static ms => (TimeSpan?)TimeSpan.FromMilliseconds(ms)));

    /// <summary>What a pace consists of.</summary>
    private static readonly Type[] Paces = [typeof(Pace), typeof(RejectionCost), typeof(QuietCount), typeof(RateTest), typeof(AdmittedRate)];

    private static readonly Gen<Step> Steps = Gen.Select(Gen.Int[0, 9], Gen.Double[0, 1], Hints).Select(static (what, amount, hint) => new Step(what, amount, hint));

    [Fact]
    public void AnySequence_KeepsWhatItPromises() => Gen.Select(Gen.Double[1, 400], Steps.Array[1, 300]).Sample(static (first, steps) => new Run(first).Play(steps), iter: 2000);

    [Fact]
    public void AnySequence_OnceKnown_NothingMeasuredChangesIt() => Gen.Select(Steps.Array[1, 200], Gen.Double[0, 1000]).Sample(static (steps, measured) =>
    {
        Run one = new(first: 20);
        Run other = new(first: 20) { Measured = measured };
        one.Play(steps);
        other.Play(steps);

        Assert.Equal((one.Pace.PerSecond, one.Pace.RoomAt), (other.Pace.PerSecond, other.Pace.RoomAt));
    }, iter: 300);

    [Fact]
    public void Pace_AfterAnything_HoldsNoCollection() => Assert.All(
        Paces.SelectMany(static type => type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public))
            .Where(static field => field.FieldType != typeof(TimeProvider) && !Paces.Contains(field.FieldType)),
        static field => Assert.True(field.FieldType.IsPrimitive || field.FieldType.IsEnum || field.FieldType == typeof(TimeSpan), field.Name));

    /// <summary>A log that slides over a second, and callers without end. Hints are exact, or rounded up to whole seconds, or there are none.</summary>
    [Theory]
    [InlineData(0.001, 10, 1.1, 0.9)]
    [InlineData(0.001, 60, 1.1, 0.9)]
    [InlineData(0.001, 300, 1.1, 0.9)]
    [InlineData(1.0, 10, 1.15, 0.85)]
    [InlineData(1.0, 60, 1.15, 0.85)]
    [InlineData(1.0, 300, 1.15, 0.85)]
    [InlineData(0.0, 10, 1.15, 0.9)]
    [InlineData(0.0, 60, 1.15, 0.9)]
    [InlineData(0.0, 300, 1.15, 0.9)]
    public void SlidingLog_TakesMostOfIt_AndIsFoundAgainWithinAMinuteOfItsDoubling(double unit, int perSecond, double mostAttempts, double leastDoubled)
    {
        Limiter limiter = new(perSecond, unit);
        limiter.Run(60);
        (int taken, int rejected) = limiter.Run(60);
        double share = (double)taken / (60 * perSecond);
        double attempts = 1 + ((double)rejected / taken);
        limiter.PerSecond = 2 * perSecond;
        limiter.Run(60);
        (int after, _) = limiter.Run(10);
        double doubled = (double)after / (10 * 2 * perSecond);

        Assert.True(share >= 0.93 && attempts <= mostAttempts && doubled >= leastDoubled, $"{share:0.000} of the limit at {attempts:0.000} attempts; {doubled:0.000} a minute after it has doubled");
    }

    [Theory]
    [InlineData(0.001)]
    [InlineData(1.0)]
    [InlineData(0.0)]
    public void SlidingLog_CutToATenth_IsKeptWithinAMinute(double unit)
    {
        Limiter limiter = new(60, unit);
        limiter.Run(60);
        limiter.PerSecond = 6;
        (_, int atFirst) = limiter.Run(60);
        (int taken, int rejected) = limiter.Run(60);

        Assert.True(atFirst <= 75 && taken >= 0.85 * 360 && rejected <= 0.2 * taken, $"{atFirst} rejected in the first minute, then {taken} taken and {rejected} rejected");
    }

    /// <param name="What">0 to 5: a call goes as soon as it may, or later; 6: the last call is rejected; 7 and 8: one that runs is; 9: time passes.</param>
    /// <param name="Amount">How late, how long, or which.</param>
    /// <param name="Hint">What the rejection states.</param>
    private sealed record Step(int What, double Amount, TimeSpan? Hint);

    /// <summary>One pace, and callers who keep to it.</summary>
    private sealed class Run(double first)
    {
        private readonly FakeTimeProvider _time = new(Clocks.Start);
        private readonly List<long> _running = [];
        private readonly List<(long At, TimeSpan Interval)> _taken = [];
        private long _now = Clocks.Start.UtcTicks;
        private long _stated = long.MinValue;
        private TimeSpan _longest = TimeSpan.FromSeconds(30);
        private double _afterCut;
        private double _highest;
        private double _beforeTried = double.PositiveInfinity;
        private double _rateOfLast = double.PositiveInfinity;

        public double Measured { get; init; }

        public Pace Pace { get; } = new(new FakeTimeProvider(Clocks.Start));

        public void Play(Step[] steps)
        {
            foreach (Step step in steps)
            {
                switch (step.What)
                {
                    case <= 5:
                        _now = Math.Max(_now, Pace.RoomAt) + (step.What <= 3 ? 0 : _time.After(0, TimeSpan.FromSeconds(step.Amount)));
                        Take();
                        break;
                    case 6 when _running.Count > 0:
                        Reject(_running[^1], step.Hint);
                        break;
                    case 7 or 8 when _running.Count > 0:
                        Reject(_running[(int)(step.Amount * (_running.Count - 1))], step.Hint);
                        break;
                    default:
                        _now += _time.After(0, TimeSpan.FromSeconds(20 * step.Amount * step.Amount));
                        break;
                }

                Check();
            }
        }

        private void Take()
        {
            double before = Pace.PerSecond;
            bool isLate = Pace.IsKnown && _now > _time.After(Pace.RoomAt, TimeSpan.FromSeconds(Math.Max(0.002, 0.1 / before)));
            Pace.Take(_now);
            _rateOfLast = Pace.IsKnown ? Pace.PerSecond : double.PositiveInfinity;
            Assert.True(_now >= _stated, "A call went before a stated time.");
            Assert.True(Pace.PerSecond >= before || !Pace.IsKnown, $"A call that went lowered the rate from {before} to {Pace.PerSecond}.");
            Assert.True(!isLate || Pace.PerSecond <= before, $"A pace that was not used grew from {before} to {Pace.PerSecond}.");
            _running.Add(_now);
            if (!Pace.IsKnown)
            {
                _taken.Clear();
                return;
            }

            // All calls since this one went are at least their intervals apart, less the slack once.
            TimeSpan sum = TimeSpan.Zero;
            for (int i = _taken.Count - 1; i >= Math.Max(0, _taken.Count - 50); i--)
            {
                sum += _taken[i].Interval;
                Assert.True(_time.GetElapsedTime(_taken[i].At, _now) >= sum - Slack - TimeSpan.FromTicks(_taken.Count), $"{_taken.Count - i} intervals of {sum} in all took {_time.GetElapsedTime(_taken[i].At, _now)}.");
            }

            _taken.Add((_now, TimeSpan.FromSeconds(1 / Pace.PerSecond)));
        }

        private void Reject(long sentAt, TimeSpan? hint)
        {
            _running.Remove(sentAt);
            double before = Pace.PerSecond;
            bool wasKnown = Pace.IsKnown;
            long until = Pace.PausedUntil;
            Pace.Rejected(_now, sentAt, hint, wasKnown ? Measured : first);
            if (hint is { } stated)
            {
                _stated = Math.Max(_stated, _time.After(_now, stated));
                _longest = TimeSpan.FromTicks(Math.Max(_longest.Ticks, stated.Ticks));
            }

            if (sentAt < until)
            {
                Assert.True(Pace.PerSecond == before || (!Pace.IsConfirmed && Pace.PerSecond <= before && Pace.PerSecond >= before - 1), $"A rejection from before the pause cut the rate from {before} to {Pace.PerSecond}.");
                _afterCut = Math.Min(_afterCut, Pace.PerSecond);
                return;
            }

            // Where rejections go on at a lower rate, a higher one is tried, which was held before.
            _highest = Math.Max(_highest, wasKnown ? before : first);
            bool isTried = wasKnown && Pace.PerSecond > Math.Max(LeastRate, before);
            Assert.True(!isTried || Pace.PerSecond <= Math.Min(2 * before, _highest) + 1e-9, $"A rejection raised the rate from {before} to {Pace.PerSecond}.");
            // A trial that fails goes back to the rate before it, also where the trial did not raise it at once.
            _beforeTried = wasKnown && Pace.PerSecond >= before ? Math.Min(_beforeTried, before) : _beforeTried;
            // The first call after a pause says that there was no room yet: what was grown since is taken back, and two hundredths; and where the rate was a guess until then, the twentieth
            // that it begins below its plateau.
            Assert.True(
                !wasKnown || Pace.PerSecond >= Math.Min(0.6 * Math.Min(before, _beforeTried), 0.93 * _afterCut) - 1e-9, $"A rejection cut the rate from {before} to {Pace.PerSecond}.");
            _afterCut = Pace.PerSecond;
        }

        private void Check()
        {
            Assert.True(Pace.RoomAt >= _stated, "There is room before a stated time.");
            Assert.Equal(_stated, Pace.StatedUntil);
            Assert.True(Pace.PerSecond == 0 || (Pace.PerSecond >= LeastRate && double.IsFinite(Pace.PerSecond)), $"The rate is {Pace.PerSecond}.");
            Assert.True(_time.Until(_now, Pace.PausedUntil) <= _longest + TimeSpan.FromTicks(1), $"The pause takes {_time.Until(_now, Pace.PausedUntil)}.");
            if (Pace.IsKnown)
            {
                TimeSpan most = Timestamps.Max(TimeSpan.FromSeconds(1 / Math.Min(Pace.PerSecond, _rateOfLast)) + TimeSpan.FromTicks(10), _time.Until(_now, Pace.PausedUntil));
                Assert.True(_time.Until(_now, Pace.RoomAt) <= most, $"The next call goes in {_time.Until(_now, Pace.RoomAt)}, at {Pace.PerSecond} a second.");
            }
        }
    }

    /// <summary>An endpoint that takes so many calls in any second, and says when the next has room: to the millisecond, to the second, or not at all where the unit is 0.</summary>
    private sealed class Limiter(int perSecond, double unit)
    {
        private readonly FakeTimeProvider _time = new(Clocks.Start);
        private readonly Pace _pace = new(new FakeTimeProvider(Clocks.Start));
        private readonly Queue<long> _admitted = new();
        private long _now = Clocks.Start.UtcTicks;

        public int PerSecond { get; set; } = perSecond;

        /// <summary>Calls without end, for so many seconds, answered at once.</summary>
        public (int Taken, int Rejected) Run(double seconds)
        {
            (int taken, int rejected) = (0, 0);
            long end = _now + _time.After(0, TimeSpan.FromSeconds(seconds));
            // Before anything was rejected all that is left of a burst goes at one moment.
            for (long next = Math.Max(_now, _pace.RoomAt); next < end; next = Math.Max(_now, _pace.RoomAt))
            {
                _now = next;
                _pace.Take(_now);
                while (_admitted.TryPeek(out long oldest) && oldest <= _now - _time.TimestampFrequency)
                {
                    _admitted.Dequeue();
                }

                if (_admitted.Count < PerSecond)
                {
                    _admitted.Enqueue(_now);
                    taken++;
                    continue;
                }

                rejected++;
                double wait = _time.GetElapsedTime(_now, _admitted.ToArray()[_admitted.Count - PerSecond] + _time.TimestampFrequency).TotalSeconds;
                _pace.Rejected(_now, _now, unit == 0 ? null : TimeSpan.FromSeconds(unit * Math.Ceiling(wait / unit)), PerSecond + 1);
            }

            _now = end;
            return (taken, rejected);
        }
    }
}
