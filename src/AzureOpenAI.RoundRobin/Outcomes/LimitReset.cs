using System.Globalization;

namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>Reads when the limit that a call has met is reset, from the headers that count it.</summary>
internal static class LimitReset
{
    /// <summary>A number of seconds that is no pause of this size is a moment in Unix time.</summary>
    private const double LeastUnixTime = 1e9;

    private static readonly string[] Families = ["x-ratelimit", "x-rate-limit"];
    private static readonly string[] Counters = ["-requests", "-tokens", ""];

    /// <summary>Returns the longest time until a counter is reset that is at 0. One that has room left is not what refused the call.</summary>
    /// <param name="headers">Those of the answer.</param>
    /// <param name="sentAt">When the answer was sent, by the clock that moments are given in.</param>
    public static TimeSpan? Parse(HeaderLookup headers, DateTimeOffset sentAt)
    {
        TimeSpan? longest = null;
        foreach (string family in Families)
        {
            foreach (string counter in Counters)
            {
                if (!IsSpent(headers($"{family}-remaining{counter}")))
                {
                    continue;
                }

                foreach (string value in headers($"{family}-reset{counter}") ?? [])
                {
                    TimeSpan? pause = One(value ?? "", sentAt);
                    longest = pause > (longest ?? TimeSpan.Zero) ? pause : longest;
                }
            }
        }

        return longest;
    }

    /// <summary>Whether a counter is at 0.</summary>
    public static bool IsSpent(IEnumerable<string>? remaining)
    {
        foreach (string value in remaining ?? [])
        {
            if (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double left) && left <= 0)
            {
                return true;
            }
        }

        return false;
    }

    private static TimeSpan? One(string text, DateTimeOffset sentAt)
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
        {
            return Durations.Parse(text) ?? (AnswerDate.TryParse(text, out DateTimeOffset date) ? RetryAfter.Until(date, sentAt) : null);
        }

        return number < LeastUnixTime ? RetryAfter.Of(number, 1000)
            : RetryAfter.Of(number - (sentAt.ToUnixTimeMilliseconds() / 1000.0), 1000) ?? RetryAfter.Of(number - sentAt.ToUnixTimeMilliseconds(), 1);
    }
}
