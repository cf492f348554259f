using System.Globalization;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Reads the three headers in which a service asks to be left alone for a while.</summary>
internal static class RetryAfter
{
    /// <summary>Nobody means a longer pause: such a number or date is garbage, and no pause.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    /// <summary>
    /// Returns the pause that the headers ask for: <c>retry-after-ms</c>, else <c>x-ms-retry-after-ms</c>, else <c>Retry-After</c> in seconds
    /// (also with a fraction) or as a date; of several values the longest. A value that is no pause (zero, negative, in the past, huge, garbage) is passed over.
    /// </summary>
    /// <param name="headers">Those of the answer.</param>
    /// <param name="sentAt">When the answer was sent, by the clock that dates are given in.</param>
    public static TimeSpan? Parse(HeaderLookup headers, DateTimeOffset sentAt) =>
        LongestOf(headers("retry-after-ms"), 1, sentAt) ?? LongestOf(headers("x-ms-retry-after-ms"), 1, sentAt) ?? LongestOf(headers("Retry-After"), 1000, sentAt);

    /// <returns>Null where it is no pause.</returns>
    public static TimeSpan? Of(double number, double milliseconds)
    {
        double total = number * milliseconds;
        // False for NaN as well. What is less than a tick is no pause either.
        return total > 0 && total <= Longest.TotalMilliseconds && TimeSpan.FromMilliseconds(total) is var pause && pause > TimeSpan.Zero ? pause : null;
    }

    /// <inheritdoc cref="Of(double, double)"/>
    public static TimeSpan? Until(DateTimeOffset date, DateTimeOffset sentAt) =>
        date > sentAt && date - sentAt is var pause && pause <= Longest ? pause : null;

    /// <summary>A header that was sent twice may come as two values, or as one with a comma; a date has a comma of its own.</summary>
    private static TimeSpan? LongestOf(IEnumerable<string>? values, double milliseconds, DateTimeOffset sentAt)
    {
        TimeSpan? longest = null;
        foreach (string value in values ?? [])
        {
            string[] parts = (value ?? "").Split(',');
            for (int i = 0; i < parts.Length; i++)
            {
                TimeSpan? pause = One(parts[i], milliseconds, sentAt);
                if (pause is null && milliseconds > 1 && i + 1 < parts.Length && IsDate($"{parts[i]},{parts[i + 1]}", out DateTimeOffset date))
                {
                    pause = Until(date, sentAt);
                    i++;
                }

                longest = pause > (longest ?? TimeSpan.Zero) ? pause : longest;
            }
        }

        return longest;
    }

    private static TimeSpan? One(string text, double milliseconds, DateTimeOffset sentAt) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? Of(number, milliseconds)
        : milliseconds > 1 && IsDate(text, out DateTimeOffset date) ? Until(date, sentAt)
        : null;

    private static bool IsDate(string text, out DateTimeOffset date) => AnswerDate.TryParse(text, out date);
}
