namespace AzureOpenAI.Simulator;

/// <summary>One response as its resource keeps it. In the background it is in progress until its time, or until it is cancelled.</summary>
internal sealed class StoredResponse(ResponseContext context, SimulatedDeployment deployment, EventList events, TimeSpan completesAt, SimulatorClock clock)
{
    private volatile bool _isCancelled;

    public ResponseContext Context => context;

    public SimulatedDeployment Deployment => deployment;

    /// <summary>All events of its stream, from the first.</summary>
    public EventList Events => events;

    public IReadOnlyList<RequestMessage> Messages { get; } = context.MessagesWithAnswer();

    public string Status => _isCancelled ? "cancelled" : clock.Elapsed < completesAt ? "in_progress" : context.FinalStatus;

    /// <summary>Cancels a job that runs; one that has ended stays as it is.</summary>
    public void Cancel() => _isCancelled |= clock.Elapsed < completesAt;
}
