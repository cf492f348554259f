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
        if (TextRules.Clean(text) is not { } value)
        {
            return null;
        }

        bool? on = Read(value, out string? fault);
        if (fault is not null)
        {
            findings.Fault($"{VariableNames.Switch} {fault}");
        }

        return on;
    }

    /// <inheritdoc cref="Read(string?, Findings)"/>
    /// <param name="text">Without blanks around it.</param>
    /// <param name="fault">Follows the name of the setting.</param>
    public static bool? Read(string text, out string? fault)
    {
        fault = null;
        switch (text.ToUpperInvariant())
        {
            case "TRUE" or "1" or "YES" or "ON":
                return true;
            case "FALSE" or "0" or "NO" or "OFF":
                return false;
            default:
                string shown = Placeholders.Reference(text) is { } reference ? reference.Split(';')[0]
                    : text.Length <= LongestShown && TextRules.CanShow(text) ? $"is '{text}'" : "is neither on nor off";
                fault = $"{shown}; set it to true, 1, yes or on, or to false, 0, no or off.";
                return null;
        }
    }
}
