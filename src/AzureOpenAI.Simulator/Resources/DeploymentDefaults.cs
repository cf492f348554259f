namespace AzureOpenAI.Simulator;

/// <summary>What a deployment takes from its resource when it does not say otherwise.</summary>
internal sealed record DeploymentDefaults(Func<ChatRequest, CancellationToken, ValueTask<ChatReply>> Responder, Latency Latency)
{
    public static DeploymentDefaults Of(ResourceOptions resource, SimulatorOptions simulator) =>
        new(resource.Responder ?? simulator.Responder ?? Echo, resource.Latency);

    private static ValueTask<ChatReply> Echo(ChatRequest request, CancellationToken cancellationToken) =>
        ValueTask.FromResult(ChatReply.FromText($"[{request.Resource}] {request.LastUserText}"));
}
