namespace AzureOpenAI.RoundRobin.Outcomes;

/// <summary>How long an answer asks to be left alone, in whichever words.</summary>
internal static class StatedPause
{
    /// <summary>No sentence of a service is further down in its answer.</summary>
    private const int MostText = 65_536;

    /// <summary>An answer without a success may state a pause; one that challenges the caller's identity states none.</summary>
    public static bool MayBeIn(int status) => status >= 400 && status is not (401 or 407);

    /// <summary>Returns the pause by the headers that name one; else, on a 429, by the counter that is at 0; else by the answer's text.</summary>
    /// <param name="status">The status of the answer.</param>
    /// <param name="headers">Its headers.</param>
    /// <param name="text">Reads its text.</param>
    /// <param name="now">The present, by our own clock.</param>
    /// <param name="isReset">Whether it is the time until a counter at 0 is reset, which some services give and then take calls all the same.</param>
    public static TimeSpan? Read(int status, HeaderLookup headers, Func<string?> text, DateTimeOffset now, out bool isReset)
    {
        DateTimeOffset sentAt = AnswerDate.Of(headers, now);
        TimeSpan? named = RetryAfter.Parse(headers, sentAt);
        TimeSpan? reset = named is null && status == 429 ? LimitReset.Parse(headers, sentAt) : null;
        isReset = reset is not null;
        return named ?? reset
            // The text of any other status may speak of something else, such as of a role that was just assigned.
            ?? (status is 429 or >= 500 && text() is { Length: > 0 } said ? Durations.FindIn(said.Length > MostText ? said[..MostText] : said) : null);
    }
}
