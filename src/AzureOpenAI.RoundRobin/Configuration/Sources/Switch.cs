using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads <c>USE_AZURE_OPENAI_ROUND_ROBIN</c>.</summary>
internal static class Switch
{
    // A longer value may be a key that was pasted into the wrong variable.
    private const int LongestShown = 20;

    /// <returns>Null where it is absent, or where it is neither on nor off, which is a fault.</returns>
    public static bool? Read(string? text, Findings findings)
    {
        switch (TextRules.Clean(text)?.ToUpperInvariant())
        {
            case null:
                return null;
            case "TRUE" or "1" or "YES" or "ON":
                return true;
            case "FALSE" or "0" or "NO" or "OFF":
                return false;
            default:
                string shown = Placeholders.Reference(text!.Trim()) is { } reference ? reference.Split(';')[0] : text.Length <= LongestShown && TextRules.CanShow(text) ? $"is '{text}'" : "is neither on nor off";
                findings.Fault($"{VariableNames.Switch} {shown}; set it to true, 1, yes or on, or to false, 0, no or off.");
                return null;
        }
    }
}
