using System.Globalization;
using AzureOpenAI.Simulator;
using SimulatorReading = AzureOpenAI.Simulator.LimitReading;

namespace AzureOpenAI.RoundRobin.Scenarios.CapacityMap;

/// <summary>The headers of one answer, true or not.</summary>
internal sealed class LimitHeaders(HeaderForm form, int place, Admission admission)
{
    public IEnumerable<(string Name, string Value)> Limits => form == HeaderForm.Absent ? [] : [.. Of("requests", admission.Requests), .. Of("tokens", admission.Tokens), .. Utilization()];

    public IEnumerable<(string Name, string Value)> Hints(RetryHeaders hint)
    {
        if (hint.Milliseconds is { } milliseconds)
        {
            yield return ("retry-after-ms", Text(milliseconds));
        }

        if (hint.Seconds is { } seconds)
        {
            yield return ("Retry-After", Text(seconds));
        }
    }

    private IEnumerable<(string Name, string Value)> Of(string what, SimulatorReading? reading)
    {
        if (reading is not { } limit)
        {
            yield break;
        }

        long remaining = form != HeaderForm.Lying ? limit.Remaining
            : place == 0 ? 0
            : place == 1 ? limit.Limit
            : limit.Remaining;
        yield return ($"x-ratelimit-limit-{what}", Text(limit.Limit));
        yield return ($"x-ratelimit-remaining-{what}", Text(remaining));
        yield return ($"x-ratelimit-reset-{what}", Text(Math.Ceiling(limit.UntilReset.TotalSeconds)));
    }

    private IEnumerable<(string Name, string Value)> Utilization()
    {
        if (admission.Utilization is { } percent)
        {
            yield return ("azure-openai-deployment-utilization", string.Create(CultureInfo.InvariantCulture, $"{percent:0.0}%"));
        }
    }

    private static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);
}
