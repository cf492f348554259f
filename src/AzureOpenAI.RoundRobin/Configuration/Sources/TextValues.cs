using System.Globalization;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads numbers and times from text, in the form that no culture changes. A fault follows the name of the setting.</summary>
internal static class TextValues
{
    public static int? Whole(string text, out string? fault)
    {
        bool isWhole = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number);
        fault = isWhole ? null : "is not a whole number; write digits only.";
        return isWhole ? number : null;
    }

    public static float? Fraction(string text, out string? fault)
    {
        bool isNumber = float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float number);
        fault = isNumber ? null : "is not a number; write it like 0.7.";
        return isNumber ? number : null;
    }

    /// <remarks>A bare number would be days, which nobody means.</remarks>
    public static TimeSpan? Time(string text, out string? fault)
    {
        bool isTime = TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out TimeSpan time) && (time == TimeSpan.Zero || text.Contains(':', StringComparison.Ordinal));
        fault = isTime ? null : "is not a time; write hours, minutes and seconds, like 00:00:10.";
        return isTime ? time : null;
    }
}
