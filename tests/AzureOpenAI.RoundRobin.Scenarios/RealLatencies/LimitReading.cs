using System.Globalization;

namespace AzureOpenAI.RoundRobin.Scenarios.RealLatencies;

/// <summary>What a simulated deployment's limits were when a call came; what is left is below zero where the call was too much.</summary>
internal readonly record struct LimitReading(int? Requests, int? RequestsLeft, int? Tokens, int? TokensLeft, double WindowSeconds, TimeSpan UntilReset)
{
    /// <summary>How long the call must stay away; null if it was let in.</summary>
    public TimeSpan? RejectedFor => RequestsLeft < 0 || TokensLeft < 0 ? UntilReset : null;

    /// <summary>As the service writes them: limits by the minute, what is left by the window.</summary>
    public IEnumerable<(string Name, string Value)> Headers
    {
        get
        {
            if (Requests is { } requests)
            {
                yield return ("x-ratelimit-limit-requests", Number(60 * requests / WindowSeconds));
                yield return ("x-ratelimit-remaining-requests", Number(Math.Max(0, RequestsLeft!.Value)));
                yield return ("x-ratelimit-reset-requests", Number(UntilReset.TotalSeconds));
            }

            if (Tokens is { } tokens)
            {
                yield return ("x-ratelimit-limit-tokens", Number(60 * tokens / WindowSeconds));
                yield return ("x-ratelimit-remaining-tokens", Number(Math.Max(0, TokensLeft!.Value)));
                yield return ("x-ratelimit-reset-tokens", Number(UntilReset.TotalSeconds));
            }
        }
    }

    private static string Number(double number) => Math.Ceiling(number).ToString(CultureInfo.InvariantCulture);
}
