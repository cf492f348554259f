using System.Buffers;
using System.Globalization;

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

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    public delegate bool HeaderLookup<in TSource>(TSource source, string name, out string? value);

    /// <param name="source">The headers.</param>
    /// <param name="lookup">Looks a header up.</param>
    /// <param name="spilledFrom">The header that says that the call spilled over from this deployment to another.</param>
    /// <returns>For how long the endpoint is near its limit; zero if it is not; null without a credible header.</returns>
    public static TimeSpan? NearFor<TSource>(TSource source, HeaderLookup<TSource> lookup, string spilledFrom)
    {
        TimeSpan? near = null;
        Add(ref near, Remaining(source, lookup, "x-ratelimit-remaining-requests", "x-ratelimit-limit-requests", "x-ratelimit-reset-requests"));
        Add(ref near, Remaining(source, lookup, "x-ratelimit-remaining-tokens", "x-ratelimit-limit-tokens", "x-ratelimit-reset-tokens"));
        if (lookup(source, "azure-openai-deployment-utilization", out string? utilization) && Number(utilization?.TrimEnd('%', ' ')) is { } percent and >= 0)
        {
            Add(ref near, percent / 100 > 1 - Little ? Drained : TimeSpan.Zero);
        }

        // The service's documentation has both names for this header.
        if (lookup(source, "x-ms-spillover-from-deployment", out _) || lookup(source, spilledFrom, out _))
        {
            Add(ref near, Drained);
        }

        return near;
    }

    private static void Add(ref TimeSpan? near, TimeSpan? other) => near = near is null || other > near ? other ?? near : near;

    private static TimeSpan? Remaining<TSource>(TSource source, HeaderLookup<TSource> lookup, string remainingName, string limitName, string resetName)
    {
        if (!lookup(source, remainingName, out string? text) || Number(text) is not { } remaining || remaining < 0)
        {
            return null;
        }

        bool hasLimit = lookup(source, limitName, out text) && Number(text) is > 0;
        double limit = hasLimit ? Number(text)!.Value : double.NaN;
        if (remaining > limit)
        {
            return null;
        }

        bool isNear = hasLimit ? remaining <= Little * limit : remaining == 0;
        return !isNear ? TimeSpan.Zero
            : lookup(source, resetName, out text) && Duration(text) is { } reset && reset > TimeSpan.Zero && reset <= LongestReset ? reset
            : UsualReset;
    }

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
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number) ? number : null;
}
