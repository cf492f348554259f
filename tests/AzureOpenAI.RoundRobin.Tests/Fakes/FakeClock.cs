using AzureOpenAI.RoundRobin.Attempts;
using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A clock that knows how many calls have their patience running, so that no time passes between a call's joining the line and its timer.</summary>
internal sealed class FakeClock() : FakeTimeProvider(Clocks.Start)
{
    private int _patient;

    public int Patient => Volatile.Read(ref _patient);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ITimer timer = base.CreateTimer(callback, state, dueTime, period);
        return state is ValueTuple<Call, Waiter> ? new PatienceTimer(this, timer) : timer;
    }

    private sealed class PatienceTimer : ITimer
    {
        private readonly FakeClock _clock;
        private readonly ITimer _inner;

        public PatienceTimer(FakeClock clock, ITimer inner)
        {
            (_clock, _inner) = (clock, inner);
            Interlocked.Increment(ref clock._patient);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => _inner.Change(dueTime, period);

        public void Dispose()
        {
            _inner.Dispose();
            Interlocked.Decrement(ref _clock._patient);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
