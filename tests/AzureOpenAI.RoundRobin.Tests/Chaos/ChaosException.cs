namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>Something happened that never may.</summary>
internal sealed class ChaosException(string message) : Exception(message);

/// <summary>What a user's own operation throws, which is no endpoint's fault.</summary>
internal sealed class ChaosOwnException() : Exception("mine");
