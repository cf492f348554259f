using System.Globalization;
using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Reads the dates of an answer's headers, in the three forms of HTTP and in ISO 8601.</summary>
internal static class AnswerDate
{
    /// <summary>When the answer was sent, by its sender's clock, which may be an hour off; by our own where it does not say.</summary>
    public static DateTimeOffset Of(HeaderLookup headers, DateTimeOffset now)
    {
        foreach (string value in headers("Date") ?? [])
        {
            if (TryParse(value, out DateTimeOffset date))
            {
                return date;
            }
        }

        return now;
    }

    public static bool TryParse(string? text, out DateTimeOffset date)
    {
        date = default;
        if (text is not { Length: > 8 })
        {
            return false;
        }

        // The header's own parser knows the forms of HTTP.
        if (RetryConditionHeaderValue.TryParse(text, out RetryConditionHeaderValue? condition) && condition.Date is { } known)
        {
            date = known;
            return true;
        }

        return text.Contains('T', StringComparison.Ordinal)
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowWhiteSpaces, out date);
    }
}
