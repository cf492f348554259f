using System.Text;
using AzureOpenAI.RoundRobin.Endpoints;
using CsCheck;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tests.Endpoints;

public sealed class EndpointMarkTests
{
    private static readonly Uri Address = new("https://east.openai.azure.com/openai/v1/");

    private static readonly EndpointMark Mark = EndpointMark.Of(Address, "gpt-5");

    private static readonly ResponseContinuationToken Token = ResponseContinuationToken.FromBytes(Encoding.UTF8.GetBytes("""{"responseId":"resp_1"}"""));

    [Theory]
    [InlineData("resp_0123456789abcdef")]
    [InlineData("conv_1")]
    [InlineData("x")]
    public void Id_GoesOutWithTheMark_AndComesInWithout(string id)
    {
        string marked = Mark.Write(id);

        Assert.Equal(Mark, EndpointMark.Read(marked, out string read));
        Assert.Equal(id, read);
        Assert.StartsWith(id, marked, StringComparison.Ordinal);
        Assert.Matches("^[a-z0-9_]+$", marked);
        Assert.Equal(id.Length + 15, marked.Length);
    }

    [Fact]
    public void Token_GoesOutWithTheMark_AndComesInWithout()
    {
        ResponseContinuationToken marked = Mark.Write(Token);

        Assert.Equal(Mark, EndpointMark.Read(marked, out ResponseContinuationToken read));
        Assert.Equal(Token.ToBytes().ToArray(), read.ToBytes().ToArray());
        Assert.Null(EndpointMark.Read(Token, out read));
        Assert.Same(Token, read);
    }

    /// <summary>Other processes must come to the same, and later versions too: conversations are kept for 30 days.</summary>
    [Fact]
    public void Mark_IsTheSameEverywhere() => Assert.Equal("resp_1_rrgs42w4ltz33y", Mark.Write("resp_1"));

    [Fact]
    public void Mark_DependsOnAddressAndDeployment_AndNotOnCase()
    {
        Assert.Equal(Mark, EndpointMark.Of(new Uri("https://EAST.openai.azure.com/openai/V1/"), "GPT-5"));
        Assert.Equal(Mark.Resource, EndpointMark.Of(Address, "other").Resource);
        Assert.NotEqual(Mark, EndpointMark.Of(Address, "other"));
        Assert.NotEqual(Mark.Resource, EndpointMark.Of(new Uri("https://west.openai.azure.com/openai/v1/"), "gpt-5").Resource);
    }

    [Theory]
    [InlineData("")]
    [InlineData("_rr")]
    [InlineData("_rrabcdefghijkl")]
    [InlineData("resp_1_rrabcdefghijk")]
    [InlineData("resp_1_rrabcdefghijklm")]
    [InlineData("resp_1_rrABCDEFGHIJKL")]
    [InlineData("resp_1_rrabcdefghijk1")]
    [InlineData("resp_1_RRabcdefghijkl")]
    [InlineData("resp_1_rrabcdefghijk\0")]
    public void WhatIsNoWholeMark_IsPartOfTheId(string id)
    {
        Assert.Null(EndpointMark.Read(id, out string read));
        Assert.Same(id, read);
    }

    [Fact]
    public void AnyIdAndToken_IsReadWithoutAnException_AndGivesBackAllOfIt() =>
        Gen.Select(Gen.String, Gen.Byte.Array, Gen.Int[0, 20]).Sample((text, bytes, cut) =>
        {
            string marked = Mark.Write(text);
            string broken = marked[..Math.Max(0, marked.Length - cut)];
            bool isWhole = EndpointMark.Read(broken, out string id) is { } mark;
            byte[] token = Mark.Write(ResponseContinuationToken.FromBytes(bytes)).ToBytes().ToArray();
            bool hasToken = EndpointMark.Read(ResponseContinuationToken.FromBytes(token.AsMemory(Math.Min(cut, token.Length))), out _) is not null;
            return (isWhole ? broken.StartsWith(id, StringComparison.Ordinal) && broken.Length == id.Length + 15 : id == broken)
                && (cut > 0 || (text.Length == 0) != isWhole) && (cut > 0 || (bytes.Length > 0) == hasToken);
        });
}
