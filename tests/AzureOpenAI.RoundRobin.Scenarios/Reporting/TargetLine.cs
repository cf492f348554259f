namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>One scenario's target, and whether our client reached it.</summary>
internal sealed class TargetLine(string scenario, string what, string target, IEnumerable<string?> misses)
{
    public const string Header = """
        | scenario | what happens | target | ours |
        |---|---|---|---|
        """;

    private readonly string _verdict = string.Join("; ", misses.OfType<string>()) is { Length: > 0 } missed ? $"**missed**: {missed}" : "reached";

    public override string ToString() => $"| {scenario} | {what} | {target} | {_verdict} |";
}
