using System.ClientModel;
using System.Globalization;

namespace AzureOpenAI.RoundRobin.Scenarios.Clients;

/// <summary>How long a rejection says to stay away, as a user's own code would read it.</summary>
internal static class RetryHint
{
    public static TimeSpan? Of(Exception? exception)
    {
        if (exception is not ClientResultException { Status: 429 or 503 } rejection || rejection.GetRawResponse() is not { } response)
        {
            return null;
        }

        return response.Headers.TryGetValue("retry-after-ms", out string? text) && double.TryParse(text, CultureInfo.InvariantCulture, out double milliseconds) ? TimeSpan.FromMilliseconds(milliseconds)
            : response.Headers.TryGetValue("Retry-After", out text) && double.TryParse(text, CultureInfo.InvariantCulture, out double seconds) ? TimeSpan.FromSeconds(seconds)
            : null;
    }
}
