namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>What a test wants to be different from a plain fleet.</summary>
internal sealed class FleetSetup
{
    /// <summary>The clock that the resources and the pool share.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Whether the pool speaks to its resources over the v1 route.</summary>
    public bool IsV1 { get; set; }

    /// <summary>What the pool speaks to its resources.</summary>
    public EndpointApi? Api { get; set; }

    /// <summary>Whether the SDK's own clients stand in the pool, instead of addresses.</summary>
    public bool IsReadyMade { get; set; }

    public Action<SimulatorOptions>? Simulator { get; set; }

    public Action<ResourceOptions>? Resource { get; set; }

    public Action<RoundRobinOptions>? Pool { get; set; }

    public Action<SimulatedResource, EndpointOptions>? Endpoint { get; set; }
}
