namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>The tokens that an answer used, and its headers.</summary>
internal readonly record struct TransportAnswer(int Tokens, IEnumerable<(string Name, string Value)> Headers);
