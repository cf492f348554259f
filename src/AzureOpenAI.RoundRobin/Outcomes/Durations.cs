using System.Globalization;
using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Reads durations with units, such as <c>6m0s</c> and <c>1.5 seconds</c>, alone or in a sentence that asks to retry after one.</summary>
internal static partial class Durations
{
    /// <summary>One after the other, as in <c>1m2.5s</c>. A unit ends where its word does.</summary>
    private const string Duration =
        @"(?:(?<number>[0-9]{1,12}(?:\.[0-9]{1,12})?)\s{0,3}(?<unit>milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])\s{0,3}){1,5}";

    /// <returns>Null where the text is no duration, or has more than one.</returns>
    public static TimeSpan? Parse(string text) => Whole().Match(text) is { Success: true } match ? Sum(match) : null;

    /// <returns>The longest pause that a sentence of the text asks for; null where none does.</returns>
    public static TimeSpan? FindIn(string text)
    {
        TimeSpan? longest = null;
        for (Match match = Asked().Match(text); match.Success; match = match.NextMatch())
        {
            TimeSpan? pause = Sum(match);
            longest = pause > (longest ?? TimeSpan.Zero) ? pause : longest;
        }

        return longest;
    }

    private static TimeSpan? Sum(Match match)
    {
        CaptureCollection numbers = match.Groups["number"].Captures;
        CaptureCollection units = match.Groups["unit"].Captures;
        double milliseconds = 0;
        for (int i = 0; i < numbers.Count; i++)
        {
            milliseconds += double.Parse(numbers[i].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * MillisecondsIn(units[i].ValueSpan);
        }

        return RetryAfter.Of(milliseconds, 1);
    }

    private static double MillisecondsIn(ReadOnlySpan<char> unit) => char.ToLowerInvariant(unit[0]) switch
    {
        'm' when unit.StartsWith("ms", StringComparison.OrdinalIgnoreCase) || unit.StartsWith("mil", StringComparison.OrdinalIgnoreCase) => 1,
        's' => 1000,
        'm' => 60_000,
        'h' => 3_600_000,
        _ => 86_400_000,
    };

    [GeneratedRegex(@"\A\s*" + Duration + @"\z", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Whole();

    [GeneratedRegex(@"\b(?:retry|try\s{1,3}again|retry\s{1,3}again|wait)\s{1,3}(?:after|in|for)\s{1,3}(?:about\s{1,3})?" + Duration, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Asked();
}
