namespace AzureOpenAI.RoundRobin.Scenarios.Reporting;

/// <summary>One scenario's target, and whether our client reached it.</summary>
internal sealed class TargetLine
{
    public const string Header = """
        | scenario | what happens | target | ours |
        |---|---|---|---|
        """;

    private const string Missed = "**missed**";

    private readonly string _row;

    public TargetLine(string scenario, string what, string target, IEnumerable<string?> misses)
        : this($"| {scenario} | {what} | {target} | {(string.Join("; ", misses.OfType<string>()) is { Length: > 0 } missed ? $"{Missed}: {missed}" : "reached")} |")
    {
    }

    private TargetLine(string row) => _row = row;

    public bool IsMissed => _row.Contains(Missed, StringComparison.Ordinal);

    /// <summary>As another process has written it.</summary>
    public static TargetLine Read(string row) => new(row);

    public override string ToString() => _row;
}
