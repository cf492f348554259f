using System.Net;
using System.Net.Http.Headers;

namespace AzureOpenAI.RoundRobin.Tests.Fakes;

/// <summary>As the SDKs of others throw them.</summary>
internal sealed class ForeignSdkException(HttpStatusCode statusCode, HttpResponseHeaders? headers = null) : Exception($"HTTP {(int)statusCode}")
{
    public HttpStatusCode StatusCode { get; } = statusCode;

    public HttpResponseHeaders? Headers { get; } = headers;

    public static ForeignSdkException Of(int status, params (string Name, string Value)[] headers)
    {
        HttpResponseMessage response = new();
        Array.ForEach(headers, header => response.Headers.TryAddWithoutValidation(header.Name, header.Value));
        return new((HttpStatusCode)status, response.Headers);
    }
}

/// <summary>The same with a number, and a pause of its own.</summary>
internal sealed class ForeignNumberException(int? status, TimeSpan? retryAfter = null) : Exception("no")
{
    public int? Status { get; } = status;

    public TimeSpan? RetryAfter { get; } = retryAfter;
}

/// <summary>Says nothing that anybody knows.</summary>
internal sealed class UnknownSdkException(string message) : Exception(message)
{
    public string Status => "bad";

    public int StatusCode => throw new NotSupportedException();
}
