using System.Globalization;
using System.Text;

namespace AzureOpenAI.RoundRobin.Calls;

/// <summary>Writes the failures of a call into one message that a person can act on.</summary>
internal static class ExhaustedMessage
{
    private const int Listed = 10;

    public static string Of(string what, IReadOnlyList<EndpointAttempt> failures, TimeSpan? readyIn, TimeSpan waited)
    {
        StringBuilder text = new(what);
        if (waited > TimeSpan.Zero)
        {
            text.Append(CultureInfo.InvariantCulture, $"The call waited for {waited.TotalSeconds:0.###} s. ");
        }

        if (readyIn is { } wait)
        {
            text.Append(CultureInfo.InvariantCulture, $"The next endpoint is available in about {wait.TotalSeconds:0.###} s. ");
        }

        if (failures.Count > 0)
        {
            // A call that waited may have failed many times at one endpoint: equal failures are one entry, with the last time.
            string[] tried = [.. failures
                .GroupBy(failure => (failure.EndpointName, failure.Reason, failure.Status))
                .Select(same => same.Count() == 1 ? $"{same.Last()}" : string.Create(CultureInfo.InvariantCulture, $"{same.Last()} {same.Count()} times"))];
            text.Append("Tried: ").AppendJoin("; ", tried.Take(Listed));
            text.Append(tried.Length > Listed ? string.Create(CultureInfo.InvariantCulture, $"; and {tried.Length - Listed} more.") : ".");
        }

        return text.ToString().TrimEnd();
    }
}
