namespace AzureOpenAI.RoundRobin.Tests;

/// <summary>The id of an endpoint as other processes know it.</summary>
public sealed class EndpointIdTests
{
    private static readonly Uri Address = new("https://east.openai.azure.com/");

    [Fact]
    public void Of_SameParts_IsTheSameInEveryProcess()
    {
        Assert.Equal(EndpointId.Of(Address, "deployment", "gpt"), EndpointId.Of(new Uri("https://EAST.openai.azure.com/"), "deployment", "gpt"));
        Assert.NotEqual(EndpointId.Of(Address, "deployment", "gpt"), EndpointId.Of(Address, "deployment", "mini"));
        Assert.NotEqual(EndpointId.Of(Address, "resource"), EndpointId.Of(new Uri("https://east.openai.azure.com/openai/"), "resource"));
        // Two versions of the library must agree.
        Assert.Equal("Cxwj6lxrKpLE7MBm", EndpointId.Of(Address, "resource").ToString());
    }

    [Fact]
    public void TryParse_ReadsWhatItWrote()
    {
        EndpointId id = EndpointId.Of(Address, "resource");

        Assert.True(EndpointId.TryParse(id.ToString(), out EndpointId read));
        Assert.Equal(id, read);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("0123456789abcde")]
    [InlineData("0123456789abcdefg")]
    [InlineData("0123456789 bcdef")]
    [InlineData("0123456789+/cdef")]
    [InlineData("0123456789abcde=")]
    public void TryParse_AnythingElse_IsNone(string? text)
    {
        Assert.False(EndpointId.TryParse(text, out EndpointId id));
        Assert.Equal("", id.ToString());
    }
}
