using System.ClientModel.Primitives;
using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

/// <summary>What the exception of an error inside an answer tells: the status, the words, and the pause.</summary>
[Trait("Rule", "R11")]
public class InBandErrorExceptionTests
{
    [Theory]
    [InlineData("server_error", "x", "The service answered with status 200 and an error (type server_error, code x): It broke.")]
    [InlineData(null, "x", "The service answered with status 200 and an error (code x): It broke.")]
    [InlineData(null, null, "The service answered with status 200 and an error: It broke.")]
    public void Of_TellsTypeCodeAndMessage(string? type, string? code, string message)
    {
        InBandErrorException exception = InBandErrorException.Of(new(503, type, code, "It broke."), null, null);

        Assert.Equal((message, 503), (exception.Message, exception.Status));
        Assert.Equal(503, exception.GetRawResponse()!.Status);
        Assert.Contains("\"message\":\"It broke.\"", exception.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(429, "Please retry after 20 seconds.", "20")]
    [InlineData(429, "Rate limit is exceeded. Try again in 1 second", "1")]
    [InlineData(429, "try again in 1.5s.", "1.5")]
    [InlineData(429, "Try again in 300ms", "0.3")]
    [InlineData(429, "try again in 250 milliseconds", "0.25")]
    [InlineData(429, "Retry after 2 hours.", null)]
    [InlineData(429, "Retry after 20", null)]
    [InlineData(429, "Retry after a second.", null)]
    [InlineData(429, "Retry after 1.2.3 seconds", null)]
    [InlineData(429, "Retry after ", null)]
    [InlineData(429, "Retry after 99999999999 seconds", null)]
    [InlineData(500, "Please retry after 20 seconds.", null)]
    public void Of_StatesThePauseOfItsText(int status, string message, string? seconds)
    {
        PipelineResponseHeaders headers = InBandErrorException.Of(new(status, null, null, message), null, null).GetRawResponse()!.Headers;

        Assert.Equal(seconds is not null, headers.TryGetValue("retry-after", out string? value));
        Assert.Equal(seconds, value);
        Assert.Equal(seconds is null ? 0 : 1, headers.Count());
        Assert.Equal(seconds is not null, headers.TryGetValues("Retry-After", out IEnumerable<string>? values));
        Assert.Equal(seconds, values?.Single());
        Assert.False(headers.TryGetValue("x-other", out _));
    }
}
