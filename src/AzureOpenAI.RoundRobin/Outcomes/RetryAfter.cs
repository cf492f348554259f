using System.Globalization;
using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Reads the three headers in which a service states a time to retry after.</summary>
internal static class RetryAfter
{
    public delegate bool HeaderLookup<in TSource>(TSource source, string name, out string? value);

    /// <summary>
    /// Returns the wait that the headers ask for: <c>retry-after-ms</c>, else <c>x-ms-retry-after-ms</c>, else <c>Retry-After</c> in seconds
    /// (also with a fraction) or as a date. A value that is no wait (zero, negative, in the past, not a number) is ignored, and the next is read.
    /// </summary>
    public static TimeSpan? Parse<TSource>(TSource source, HeaderLookup<TSource> lookup, DateTimeOffset now)
    {
        if ((lookup(source, "retry-after-ms", out string? value) && TryNumber(value, 1, out TimeSpan hint))
            || (lookup(source, "x-ms-retry-after-ms", out value) && TryNumber(value, 1, out hint))
            || (lookup(source, "Retry-After", out value) && TryNumber(value, 1000, out hint)))
        {
            return hint;
        }

        return RetryConditionHeaderValue.TryParse(value, out RetryConditionHeaderValue? condition) && condition.Date is { } date && date > now
            ? date - now
            : null;
    }

    private static bool TryNumber(string? text, double milliseconds, out TimeSpan hint)
    {
        hint = default;
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) || !(number > 0))
        {
            return false;
        }

        double total = number * milliseconds;
        hint = total >= TimeSpan.MaxValue.TotalMilliseconds ? TimeSpan.MaxValue : TimeSpan.FromMilliseconds(total);
        return hint > TimeSpan.Zero;
    }
}
