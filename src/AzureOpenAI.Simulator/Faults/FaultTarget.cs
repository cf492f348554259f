namespace AzureOpenAI.Simulator;

/// <summary>What a fault's conditions are judged by.</summary>
internal readonly record struct FaultTarget(ApiOperation Operation, string? Deployment, bool Streamed, string? ServiceTier = null);
