namespace AzureOpenAI.RoundRobin.Scenarios.Processes;

/// <summary>What one process had of its calls, as one line of JSON.</summary>
/// <param name="Calls">All of them.</param>
/// <param name="Took">How long each right answer took, in milliseconds.</param>
/// <param name="LateMilliseconds">By how much the machine made it begin calls late, at the 99th percentile.</param>
/// <param name="Failures">What the others came to.</param>
internal sealed record CallerReport(int Calls, double[] Took, double LateMilliseconds, string Failures)
{
    public int Right => Took.Length;
}
