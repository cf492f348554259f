namespace AzureOpenAI.Simulator;

/// <summary>What the ledger keeps of a request's body.</summary>
internal readonly record struct RequestFacts(string? Deployment, bool Streamed, string? LastUserText, string? ServiceTier = null);
