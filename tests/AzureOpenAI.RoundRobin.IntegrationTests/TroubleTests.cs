using System.Reflection;
using System.Text.RegularExpressions;
using AzureOpenAI.RoundRobin.IntegrationTests.Support;
using AzureOpenAI.RoundRobin.Telemetry;
using Microsoft.Extensions.Logging;

namespace AzureOpenAI.RoundRobin.IntegrationTests;

/// <summary>Every text that the packages say stands on the page where people look for it, and the page has no text that nothing says.</summary>
public sealed partial class TroubleTests
{
    private const string Page = "docs/trouble.md";

    private static readonly SaidText[] Said = SaidText.All();

    [Fact]
    public void Each_text_of_the_packages_stands_on_the_page()
    {
        string[] shown = Shown(Readme.Text(Page));

        Assert.True(Said.Length > 250, $"Only {Said.Length} texts were found.");
        string[] missing = [.. Said.Where(text => !Array.Exists(shown, text.Pattern.IsMatch)).Select(static text => $"{text}")];
        Assert.True(missing.Length == 0, $"{Page} lacks:\n{string.Join('\n', missing)}");
    }

    [Fact]
    public void Each_text_of_the_page_is_said()
    {
        IEnumerable<string> shown = Shown(Readme.Text(Page)).Where(static text => text.Split(' ').Length > 3);

        string[] unsaid = [.. shown.Where(static text => !Array.Exists(Said, said => said.Pattern.IsMatch(text)))];
        Assert.True(unsaid.Length == 0, $"{Page} has what nothing says:\n{string.Join('\n', unsaid)}");
    }

    [Fact]
    public void Each_log_entry_has_a_row_by_its_id()
    {
        IEnumerable<LoggerMessageAttribute> events = typeof(PoolLog).GetMethods(BindingFlags.NonPublic | BindingFlags.Static)
            .Select(static method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>().OrderBy(static said => said.EventId);

        Dictionary<string, string> rows = Rows().Matches(Readme.Section(Page, "Log entries"))
            .ToDictionary(static row => row.Groups["id"].Value, static row => row.Groups["text"].Value);

        Assert.Equal(events.Select(static said => $"{said.EventId}"), rows.Keys);
        // The text of a configuration warning is the warning.
        Assert.All(
            events.Where(static said => said.Message != "{Warning}"),
            said => Assert.Matches(new SaidText("", Hole().Replace(said.Message, "…")).Pattern, rows[$"{said.EventId}"]));
    }

    [Fact]
    public void A_text_that_is_not_on_the_page_is_found()
    {
        SaidText[] texts = [.. SaidText.Of("tests/AzureOpenAI.RoundRobin.IntegrationTests/TroubleTests.cs")];

        SaidText own = texts[0];
        Assert.Equal("Only … texts were found.", own.Text);
        Assert.DoesNotContain(Shown(Readme.Text(Page)), own.Pattern.IsMatch);
        Assert.Matches(own.Pattern, "Only 3 texts were found.");
    }

    /// <summary>What stands in code marks; a mark inside needs two around it, and a bar in a table a backslash.</summary>
    private static string[] Shown(string text) =>
        [.. Marked().Matches(text).Select(static mark => mark.Groups["text"].Value.Replace(@"\|", "|", StringComparison.Ordinal).Trim())];

    [GeneratedRegex(@"(?<!`)(?<mark>`+)(?!`)(?<text>.*?)(?<!`)\k<mark>(?!`)")]
    private static partial Regex Marked();

    [GeneratedRegex(@"^\| (?<id>\d+) (?<text>.+?) \|", RegexOptions.Multiline)]
    private static partial Regex Rows();

    [GeneratedRegex("{[A-Z][A-Za-z]*}")]
    private static partial Regex Hole();
}
