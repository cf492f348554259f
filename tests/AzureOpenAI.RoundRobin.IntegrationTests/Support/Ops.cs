using System.Text.Json;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.IntegrationTests.Support;

/// <summary>What stands in the folder ops, for people with Prometheus and Grafana: alerts, their test, and a dashboard.</summary>
internal static partial class Ops
{
    private static readonly string Dashboard = Readme.Text("ops/dashboard.json");

    private static readonly string Rules = Readme.Text("ops/alerts.yml");

    public static Alert[] Alerts { get; } =
        [.. AlertRule().Matches(Rules).Select(static rule => new Alert(rule.Groups["name"].Value, rule.Groups["expression"].Value, rule.Groups["panel"].Value))];

    public static Panel[] Panels { get; } =
    [
        .. JsonElement.Parse(Dashboard).GetProperty("panels").EnumerateArray().Select(static panel => new Panel(
            panel.GetProperty("title").GetString()!,
            [.. panel.GetProperty("targets").EnumerateArray().Select(static target => target.GetProperty("expr").GetString()!)])),
    ];

    /// <summary>What the dashboard's variables are filled from.</summary>
    public static string[] Variables { get; } =
    [
        .. JsonElement.Parse(Dashboard).GetProperty("templating").GetProperty("list").EnumerateArray()
            .Where(static variable => variable.GetProperty("type").GetString() == "query").Select(static variable => variable.GetProperty("definition").GetString()!),
    ];

    /// <summary>How often the file of tests asks whether the alert fires, and how often it expects so.</summary>
    public static (int Quiet, int Firing) TestsOf(string alert)
    {
        bool[] quiet = [.. Expectation().Matches(Readme.Text("ops/alerts.test.yml"))
            .Where(test => test.Groups["name"].Value == alert).Select(static test => test.Groups["none"].Success)];
        return (quiet.Count(static none => none), quiet.Count(static none => !none));
    }

    /// <summary>What an expression asks of each metric that it names: the labels in its braces with the values that they are compared with, and those by which the expression sums.</summary>
    public static IEnumerable<(string Metric, string Label, string? Value)> WantedBy(string expression)
    {
        string[] grouping = [.. Grouping().Matches(expression).SelectMany(static by => by.Groups["labels"].Value.Split(", "))];
        foreach (Match selector in Selector().Matches(expression))
        {
            string metric = selector.Groups["metric"].Value;
            foreach (string label in grouping)
            {
                yield return (metric, label, null);
            }

            foreach (Match matcher in Matcher().Matches(selector.Groups["labels"].Value))
            {
                string values = matcher.Groups["value"].Value;
                foreach (string? value in values.StartsWith('$') ? (string?[])[null] : values.Split('|'))
                {
                    yield return (metric, matcher.Groups["name"].Value, value);
                }
            }
        }
    }

    public static IEnumerable<string> MetricsIn(string expression) => Selector().Matches(expression).Select(static selector => selector.Groups["metric"].Value);

    [GeneratedRegex(@"- alert: (?<name>\w+)\n\s+expr: \|\n(?<expression>.*?)\n\s+(for|labels):.*?\n\s+panel: (?<panel>[^\n]+)", RegexOptions.Singleline)]
    private static partial Regex AlertRule();

    [GeneratedRegex(@"- alertname: (?<name>\w+)\n\s+eval_time: \w+\n\s+exp_alerts:(?<none> \[\])?\n")]
    private static partial Regex Expectation();

    [GeneratedRegex(@"(?<metric>azure_openai_\w+)(\{(?<labels>[^}]*)\})?")]
    private static partial Regex Selector();

    [GeneratedRegex(@"(?<name>\w+)(=~|!~|!=|=)""(?<value>[^""]*)""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"by \((?<labels>[^)]+)\)")]
    private static partial Regex Grouping();

    internal sealed record Alert(string Name, string Expression, string Panel);

    internal sealed record Panel(string Title, string[] Expressions);
}
