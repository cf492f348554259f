using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>The headers that the service puts on its answers.</summary>
internal static class ServiceHeaders
{
    public static void Write(Exchange exchange, int status, Admission? admission)
    {
        var headers = exchange.Http.Response.Headers;
        headers["apim-request-id"] = exchange.RequestId;
        headers["x-request-id"] = exchange.RequestId;
        headers["x-ms-client-request-id"] = exchange.ClientRequestId ?? exchange.RequestId;
        headers.XContentTypeOptions = "nosniff";
        if (status == StatusCodes.Status200OK)
        {
            headers["x-ms-region"] = exchange.Resource.Region;
        }

        exchange.Spillover?.WriteTo(headers);
        if (admission is not null)
        {
            WriteLimits(headers, admission);
        }

        exchange.Resource.Headers.Apply(headers);
    }

    private static void WriteLimits(IHeaderDictionary headers, Admission admission)
    {
        if (admission.Requests is { } requests)
        {
            headers["x-ratelimit-limit-requests"] = Number(requests.Limit);
            headers["x-ratelimit-remaining-requests"] = Number(requests.Remaining);
            headers["x-ratelimit-reset-requests"] = Seconds(requests.UntilReset);
        }

        if (admission.Tokens is { } tokens)
        {
            headers["x-ratelimit-limit-tokens"] = Number(tokens.Limit);
            headers["x-ratelimit-remaining-tokens"] = Number(tokens.Remaining);
            headers["x-ratelimit-reset-tokens"] = Seconds(tokens.UntilReset);
        }

        if (admission.Utilization is { } utilization)
        {
            headers["azure-openai-deployment-utilization"] = string.Create(CultureInfo.InvariantCulture, $"{utilization:0.0}%");
        }

        if (admission.Verdict != AdmissionVerdict.Admitted)
        {
            WriteHint(headers, admission.Hint);
        }
    }

    private static void WriteHint(IHeaderDictionary headers, RetryHeaders hint)
    {
        if (hint.Seconds is { } seconds)
        {
            headers.RetryAfter = Number(seconds);
        }

        if (hint.Milliseconds is { } milliseconds)
        {
            headers["retry-after-ms"] = Number(milliseconds);
        }
    }

    private static string Seconds(TimeSpan time) => Number((long)Math.Ceiling(time.TotalSeconds));

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
