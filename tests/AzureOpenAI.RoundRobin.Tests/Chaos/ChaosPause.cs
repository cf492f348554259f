using System.Globalization;

namespace AzureOpenAI.RoundRobin.Tests.Chaos;

/// <summary>A pause that an endpoint states, and the words that it has for it.</summary>
/// <param name="Status">The status that it comes with.</param>
/// <param name="Seconds">How long it is; null where none is stated.</param>
/// <param name="Headers">The headers that say it.</param>
/// <param name="Words">Words of the body.</param>
internal sealed record ChaosPause(int Status, int? Seconds, (string Name, string Value)[] Headers, string Words)
{
    private const int Longest = 200;

    public static ChaosPause Draw(ChaosDraw draw)
    {
        int status = draw.Of(402, 403, 408, 409, 424, 425, 429, 429, 429, 429, 499, 500, 502, 503, 504, 529);
        int seconds = 1 + Math.Min(Longest, (int)draw.LogNormal(5, 1.2));
        string said = seconds.ToString(CultureInfo.InvariantCulture);
        int form = status == 429 ? draw.Below(7) : status >= 500 ? draw.Below(4) : draw.Below(3);
        return form switch
        {
            0 => new(status, seconds, [("Retry-After", said)], ""),
            1 => new(status, seconds, [("Retry-After", "1"), ("Retry-After", said)], ""),
            2 => new(status, seconds, [("Retry-After", said), ("Retry-After", "soon")], ""),
            3 => new(status, seconds, [], $"Please retry after {said} seconds."),
            4 => new(status, seconds, [], $"Please try again in {said}s."),
            5 => new(status, seconds, [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", $"{said}s")], ""),
            _ => new(status, seconds, [("x-rate-limit-remaining-requests", "0"), ("x-rate-limit-reset-requests", said)], ""),
        };
    }

    /// <summary>Of an error inside an answer: its code says what it is.</summary>
    public static ChaosPause DrawInBand(ChaosDraw draw)
    {
        int seconds = 1 + draw.Below(20);
        return draw.Below(3) switch
        {
            0 => new(429, seconds, [], string.Create(CultureInfo.InvariantCulture, $"Please retry after {seconds} seconds.")),
            1 => new(429, null, [], "Slow down."),
            _ => new(500, null, [], "The model broke down."),
        };
    }
}
