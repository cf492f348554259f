using System.Diagnostics;
using System.Threading.Tasks.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Holds what went on elsewhere until the driver lets it go on, on the driver's own thread.</summary>
internal sealed class ChaosGate : IValueTaskSource
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Action<object?>? _continuation;
    private object? _state;
    private bool _goesOn;

    public ValueTask Task => new(this, 0);

    /// <summary>Waits in real time until somebody stands at the gate, which takes the thread pool some microseconds.</summary>
    public void AwaitArrival()
    {
        long began = Stopwatch.GetTimestamp();
        for (SpinWait spin = default; Volatile.Read(ref _continuation) is null; spin.SpinOnce(sleep1Threshold: -1))
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
            {
                throw new ChaosException("A call that should go on does not.");
            }
        }
    }

    public void GoOn()
    {
        _goesOn = true;
        _continuation!(_state);
    }

    public void GetResult(short token)
    {
    }

    public ValueTaskSourceStatus GetStatus(short token) => _goesOn ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        _state = state;
        Volatile.Write(ref _continuation, continuation);
    }
}
