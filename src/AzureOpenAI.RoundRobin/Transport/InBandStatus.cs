using System.Globalization;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>The status that an error inside an answer of status 200 would have had as an answer of its own.</summary>
internal static class InBandStatus
{
    /// <summary>A code that is a status, else a status beside it, else what the names mean, the most precise first; 500 for what says nothing known.</summary>
    public static int Of(string? code, string? status, string? type, string? innerCode) =>
        Number(code) ?? Number(status) ?? Known(code) ?? Known(innerCode) ?? Known(status) ?? Known(type) ?? 500;

    /// <summary>The status of a response that failed. A code that says nothing of the service is about what was asked for.</summary>
    public static int OfResponse(string? code) => Known(code) ?? (code is null or "vector_store_timeout" ? 500 : 400);

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number is >= 400 and < 600 ? number : null;

    private static int? Known(string? name) => name?.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant() switch
    {
        "RATELIMITEXCEEDED" or "RATELIMITREACHED" or "RATELIMITERROR" or "TOOMANYREQUESTS" or "INSUFFICIENTQUOTA" => 429,
        "CONTEXTLENGTHEXCEEDED" or "CONTENTFILTER" or "RESPONSIBLEAIPOLICYVIOLATION" => 400,
        "SERVERERROR" or "INTERNALSERVERERROR" => 500,
        // The endpoint's, and not the request's.
        "INVALIDAPIKEY" => 401,
        { } other when other.StartsWith("INVALID", StringComparison.Ordinal) => 400,
        _ => null,
    };
}
