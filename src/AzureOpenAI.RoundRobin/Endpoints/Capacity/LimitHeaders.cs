using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Endpoints.Capacity;

/// <summary>Reads from an answer's headers how much of a deployment's limit is left. A pure function; it ignores values that are not credible.</summary>
internal static class LimitHeaders
{
    /// <summary>An endpoint is near its limit with at most this part of it left.</summary>
    private const double Little = 0.1;

    /// <summary>The time until the limit resets, where none is given or it is not credible.</summary>
    private static readonly TimeSpan UsualReset = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestReset = TimeSpan.FromSeconds(60);

    /// <summary>The utilization of a provisioned deployment falls all the time, so its value is stale after this.</summary>
    private static readonly TimeSpan Drained = TimeSpan.FromMilliseconds(250);

    private const string Family = "x-ratelimit";

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <param name="headers">The headers. One pass over them, since each answer is read: a search for each name would cost five times as much.</param>
    /// <param name="spilledFrom">The header that says that the call spilled over from this deployment to another.</param>
    /// <returns>For how long the endpoint is near its limit; zero if it is not; null without a credible header.</returns>
    public static TimeSpan? NearFor(HttpHeadersNonValidated headers, string spilledFrom)
    {
        TimeSpan? near = null;
        (Counter requests, Counter tokens) = (default, default);
        foreach ((string name, HeaderStringValues value) in headers)
        {
            if (name.StartsWith(Family, StringComparison.OrdinalIgnoreCase))
            {
                requests.Take(name, "-requests", value);
                tokens.Take(name, "-tokens", value);
            }
            else if (name.Equals("azure-openai-deployment-utilization", StringComparison.OrdinalIgnoreCase))
            {
                Add(ref near, Number(value.ToString().TrimEnd('%', ' ')) is { } percent and >= 0 ? percent / 100 > 1 - Little ? Drained : TimeSpan.Zero : null);
            }
            else if (name.Equals("x-ms-spillover-from-deployment", StringComparison.OrdinalIgnoreCase) || name.Equals(spilledFrom, StringComparison.OrdinalIgnoreCase))
            {
                // The service's documentation has both names for this header.
                Add(ref near, Drained);
            }
        }

        Add(ref near, requests.NearFor());
        Add(ref near, tokens.NearFor());
        return near;
    }

    private static void Add(ref TimeSpan? near, TimeSpan? other) => near = near is null || other > near ? other ?? near : near;

    /// <summary>Seconds, also with a fraction, or the parts of a duration such as <c>1m30s</c> or <c>250ms</c>.</summary>
    private static TimeSpan? Duration(string? text)
    {
        if (Number(text) is { } plain)
        {
            return plain is >= 0 and < 86400 ? TimeSpan.FromSeconds(plain) : null;
        }

        TimeSpan sum = TimeSpan.Zero;
        for (ReadOnlySpan<char> rest = text.AsSpan().Trim(); !rest.IsEmpty;)
        {
            int digits = rest.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) || value >= 86400_000)
            {
                return null;
            }

            rest = rest[digits..];
            int letters = rest.IndexOfAny(Digits) is >= 0 and int next ? next : rest.Length;
            double? seconds = rest[..letters] switch { "ms" => 0.001, "s" => 1, "m" => 60, "h" => 3600, _ => null };
            if (seconds is null || sum > TimeSpan.FromDays(1))
            {
                return null;
            }

            sum += TimeSpan.FromSeconds(value * seconds.Value);
            rest = rest[letters..];
        }

        return sum;
    }

    private static double? Number(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long whole) ? whole
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number : null;

    /// <summary>What the headers say of one of the limits.</summary>
    private struct Counter
    {
        private string? _remaining;
        private string? _limit;
        private string? _reset;

        /// <param name="name">The name of a header of this family.</param>
        /// <param name="kind">How the names of this counter end.</param>
        /// <param name="value">The value of the header.</param>
        public void Take(string name, string kind, in HeaderStringValues value)
        {
            ReadOnlySpan<char> what = name.AsSpan(Family.Length);
            if (!what.EndsWith(kind, StringComparison.OrdinalIgnoreCase))
            {
                return;
            }

            what = what[..^kind.Length];
            if (what.Equals("-remaining", StringComparison.OrdinalIgnoreCase))
            {
                _remaining = value.ToString();
            }
            else if (what.Equals("-limit", StringComparison.OrdinalIgnoreCase))
            {
                _limit = value.ToString();
            }
            else if (what.Equals("-reset", StringComparison.OrdinalIgnoreCase))
            {
                _reset = value.ToString();
            }
        }

        public readonly TimeSpan? NearFor()
        {
            if (Number(_remaining) is not { } remaining || remaining < 0)
            {
                return null;
            }

            double? limit = Number(_limit) is { } stated and > 0 ? stated : null;
            return remaining > limit ? null
                : remaining > (limit is { } whole ? Little * whole : 0) ? TimeSpan.Zero
                : Duration(_reset) is { } reset && reset > TimeSpan.Zero && reset <= LongestReset ? reset
                : UsualReset;
        }
    }
}
