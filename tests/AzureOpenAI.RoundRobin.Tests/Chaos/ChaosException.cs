namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Something happened that never may.</summary>
internal sealed class ChaosException(string message) : Exception(message);
