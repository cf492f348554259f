namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What one process had of its calls, as one line of JSON.</summary>
internal sealed record CallerReport(int Calls, int Right, double P99, double LateMilliseconds, string Failures);
