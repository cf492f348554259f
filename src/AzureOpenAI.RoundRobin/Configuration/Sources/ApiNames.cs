using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The words for <see cref="EndpointApi"/> in data.</summary>
internal static class ApiNames
{
    // A longer value may be a key that was pasted into the wrong setting.
    private const int LongestShown = 20;

    /// <returns>Null where the text is none of the words, which is a fault.</returns>
    public static EndpointApi? Read(string text, out string? fault)
    {
        EndpointApi? api = text.ToUpperInvariant() switch
        {
            "CHAT" => EndpointApi.Chat,
            "RESPONSES" => EndpointApi.Responses,
            _ => null,
        };
        fault = api is not null ? null
            : text.Length <= LongestShown && TextRules.CanQuote(text) ? $"is '{text}'; write chat or responses."
            : "is neither chat nor responses; write one of them.";
        return api;
    }

    public static string? Fault(EndpointApi? api) =>
        api is { } value && !Enum.IsDefined(value) ? $"is {(int)value}; it must be {nameof(EndpointApi.Chat)} or {nameof(EndpointApi.Responses)}." : null;
}
