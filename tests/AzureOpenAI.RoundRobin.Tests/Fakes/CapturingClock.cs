using Microsoft.Extensions.Time.Testing;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>A clock whose timers keep the execution context that they were made in until they are disposed, as the system's do.</summary>
internal sealed class CapturingClock() : FakeTimeProvider(Clocks.Start)
{
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(base.CreateTimer(callback, state, dueTime, period), ExecutionContext.Capture());

    private sealed class Timer(ITimer inner, ExecutionContext? context) : ITimer
    {
        private ExecutionContext? _context = context;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            GC.KeepAlive(_context);
            return inner.Change(dueTime, period);
        }

        public void Dispose()
        {
            inner.Dispose();
            _context = null;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
