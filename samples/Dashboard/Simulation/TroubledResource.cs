using AzureOpenAI.Simulator;

namespace Dashboard.Simulation;

/// <summary>A simulated resource with one fault at a time.</summary>
internal sealed class TroubledResource(SimulatedResource resource) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);

    public string Name => resource.Name;

    public Trouble Trouble { get; private set; }

    public async Task SetAsync(Trouble trouble, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            resource.Faults.Clear();
            await (trouble == Trouble.Broken ? resource.StopListeningAsync() : resource.StartListeningAsync());
            if (FaultOf(trouble) is { } fault)
            {
                resource.Faults.Add(fault);
            }
            else if (Trouble == Trouble.Hung)
            {
                // Otherwise requests that hang by the old fault would go on hanging.
                resource.ResetConnections();
            }

            Trouble = trouble;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private static Fault? FaultOf(Trouble trouble) => trouble switch
    {
        Trouble.Throttled => Fault.Throttle(TimeSpan.FromSeconds(5)),
        Trouble.Hung => Fault.NeverAnswer(),
        Trouble.Slow => Fault.Delay(Latency.Uniform(TimeSpan.FromSeconds(0.8), TimeSpan.FromSeconds(1.6))),
        _ => null,
    };
}
