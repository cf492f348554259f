namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>What a caller asks for.</summary>
internal enum ChaosKind
{
    Answer,
    Stream,
    Embeddings,

    /// <summary>What <c>EndpointPool.InvokeAsync</c> is given.</summary>
    Operation,
}

/// <summary>What the pool is made of.</summary>
internal enum ChaosMembers
{
    /// <summary>Endpoints that the pool builds, over the SDK's real pipeline.</summary>
    Built,
    ReadyMadeClients,
    ReadyMadeGenerators,
}

/// <summary>How another configuration comes to the pool.</summary>
internal enum ChaosWay
{
    Update,

    /// <summary>A registration's options, filled by code, which follow their monitor.</summary>
    Code,

    /// <summary>The same, with the endpoints in a section of the app's configuration.</summary>
    Section,
}
