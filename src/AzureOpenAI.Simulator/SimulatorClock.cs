namespace AzureOpenAI.Simulator;

/// <summary>Time as the simulator sees it: the user's clock, and how long ago the simulator started.</summary>
internal sealed class SimulatorClock(TimeProvider timeProvider)
{
    private readonly long _start = timeProvider.GetTimestamp();

    public TimeProvider TimeProvider => timeProvider;

    public TimeSpan Elapsed => timeProvider.GetElapsedTime(_start);

    public DateTimeOffset Now => timeProvider.GetUtcNow();

    public Task DelayAsync(TimeSpan delay, CancellationToken cancellationToken) =>
        delay <= TimeSpan.Zero ? Task.CompletedTask : Task.Delay(delay, timeProvider, cancellationToken);
}
