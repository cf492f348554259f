using AzureOpenAI.RoundRobin.Transport;

namespace AzureOpenAI.RoundRobin.Tests.Transport;

[Trait("Rule", "R16")]
public class ClaimsChallengeTests
{
    [Theory]
    [InlineData("Bearer claims=\"eyJhIjoxfQ==\"", """{"a":1}""")]
    [InlineData("Bearer realm=\"x\", error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"", """{"a":1}""")]
    [InlineData("Basic realm=\"claims=no\", Bearer authorization_uri=\"https://x/?a=b,c\", CLAIMS=eyJhIjoxfQ", """{"a":1}""")]
    [InlineData("bearer claims=\"eyI_PyI6Ij8_In0\"", """{"??":"??"}""")]
    [InlineData("bearer claims=\"eyI/PyI6Ij8/In0=\"", """{"??":"??"}""")]
    [InlineData("Bearer", null)]
    [InlineData("", null)]
    [InlineData("Bearer realm=\"x\"", null)]
    [InlineData("Bearer realm=\"x, claims=eyJhIjoxfQ==", null)]
    [InlineData("PoP claims=\"eyJhIjoxfQ==\"", null)]
    [InlineData("Bearer realm=x, PoP claims=\"eyJhIjoxfQ==\"", null)]
    [InlineData("Bearer claims=\"not base64!\"", null)]
    public void Of_AHeader_IsWhatTheBearerChallengeClaims(string header, string? claims) => Assert.Equal(claims, ClaimsChallenge.Of(header));
}
