using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Rules;

public sealed class TextRulesTests
{
    [Theory]
    [Trait("Rule", "R17")]
    [InlineData("https://cognitiveservices.azure.com/.default", true)]
    [InlineData("https://ai.azure.com/.default", true)]
    [InlineData("https://gateway.contoso.com/team/.default", true)]
    [InlineData("https://cognitiveservices.azure.com", false)]
    [InlineData("https://cognitiveservices.azure.com/.default/", false)]
    [InlineData("https://cognitiveservices.azure.com/.Default", false)]
    [InlineData("http://cognitiveservices.azure.com/.default", false)]
    [InlineData("cognitiveservices.azure.com/.default", false)]
    [InlineData("/.default", false)]
    [InlineData("https:///.default", false)]
    [InlineData("https://u:p@ai.azure.com/.default", false)]
    [InlineData("https://ai.azure.com/?a=/.default", false)]
    [InlineData("https://ai.azure.com/#/.default", false)]
    [InlineData("https://ai.azure.com/a b/.default", false)]
    [InlineData("https://ai.azure.com/\r\n/.default", false)]
    [InlineData("https://ai.azure.com/é/.default", false)]
    public void Scope_IsAnHttpsAddressThatEndsInDefault(string scope, bool isGood)
    {
        Assert.Equal(isGood ? null : "is not a scope; write an https address that ends in /.default, like https://cognitiveservices.azure.com/.default.", TextRules.Scope(scope));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("", null)]
    [InlineData(" \r\n", null)]
    [InlineData(" a b\n", "a b")]
    public void Clean_TrimsAndTakesBlankForAbsent(string? text, string? expected)
    {
        Assert.Equal(expected, TextRules.Clean(text));
    }

    [Theory]
    [InlineData("West Europe (prod)", null)]
    [InlineData("münchen", null)]
    [InlineData("a\nb", "control character")]
    [InlineData("a\u2028b", "control character")]
    [InlineData("a\u202Eb", "control character")]
    [InlineData("east " + Given.Key, "looks like a key")]
    public void Name_Judges(string name, string? expected)
    {
        AssertFault(expected, TextRules.Name(name));
    }

    [Fact]
    public void Name_LongerThan100_IsAFault()
    {
        Assert.Null(TextRules.Name(new string('n', 100)));
        AssertFault("longer than 100", TextRules.Name(new string('n', 101)));
    }

    [Theory]
    [InlineData(Given.Key, null)]
    [InlineData("abc+/=_-.~!", null)]
    [InlineData("ab cd", "a space")]
    [InlineData("ab\ncd", "control character")]
    [InlineData("abc\u200B", "beyond ASCII")]
    [InlineData("kéy", "beyond ASCII")]
    [InlineData("<your-key>", "placeholder")]
    [InlineData("${AZURE_KEY}", "name of a variable")]
    [InlineData("{{key}}", "placeholder")]
    public void Key_Judges(string key, string? expected)
    {
        AssertFault(expected, TextRules.Key(key));
    }

    [Theory]
    [InlineData("gpt-4.1_mini", true, null)]
    [InlineData("vendor/model", false, null)]
    [InlineData("vendor/model", true, "one of /")]
    [InlineData("a?b", true, "one of /")]
    [InlineData("a#b", true, "one of /")]
    [InlineData("a%2Fb", true, "one of /")]
    [InlineData("a\\b", true, "one of /")]
    [InlineData("..", true, "two dots")]
    [InlineData(".", true, "two dots")]
    [InlineData("a..b", true, "two dots")]
    [InlineData("a\rb", false, "control character")]
    public void Deployment_InAPath_StaysInItsPlace(string deployment, bool inPath, string? expected)
    {
        AssertFault(expected, TextRules.Deployment(deployment, inPath));
    }

    [Theory]
    [InlineData("2024-10-21", null)]
    [InlineData("2025-04-01-preview", null)]
    [InlineData("preview", null)]
    [InlineData("2024-10-21&x=1", "is not an api-version")]
    [InlineData("2024-10-21#", "is not an api-version")]
    [InlineData("2024/10", "is not an api-version")]
    [InlineData("2024-10-21-0123456789012345678901234567890", "is not an api-version")]
    public void ApiVersion_Judges(string version, string? expected)
    {
        AssertFault(expected, TextRules.ApiVersion(version));
    }

    [Theory]
    [InlineData("region", true)]
    [InlineData("AZURE_OPENAI_EMBEDDING_DEPLOYMENT", true)]
    [InlineData("myVeryLongSettingNameWithoutDigits", true)]
    [InlineData("eastus2-prod-0042-gpt-4o-2024", true)]
    [InlineData("mycompanyopenaieastus2", true)]
    [InlineData("0123456789abcdef0123456789abcdef", false)]
    [InlineData("key: 7f3e9a1c5b2d8e4f6a0c1b3d5e7f9a2b", false)]
    [InlineData("dGhpcyBpcyBhIHNlY3JldCBrZXk=1234", false)]
    [InlineData("a\tb", false)]
    [InlineData("production-east-us-2-gpt-4o-mini", true)]
    [InlineData("a-abcdefghijklmnopqrstuvwxyzabcdef", true)]
    [InlineData("abcdefghijklmnopqrstuvwxyz012", true)]
    [InlineData("abcdefghijklmnopqrstuvwxyz0123", false)]
    public void CanShow_NothingLikeAKey(string name, bool expected)
    {
        Assert.Equal(expected, TextRules.CanShow(name));
    }

    [Theory]
    [InlineData("abcdefgh", true)]
    [InlineData("region2", true)]
    [InlineData("gpt4o1b", true)]
    [InlineData("1abcdef2", true)]
    [InlineData("a1b2-abcdefgh", true)]
    [InlineData("abcd-1a2b3", true)]
    [InlineData("a1b2cdef", false)]
    [InlineData("x a1b2cdef", false)]
    [InlineData("a\tb", false)]
    public void CanQuote_NothingInWhichDigitsAndLettersTakeTurns(string name, bool expected)
    {
        Assert.Equal(expected, TextRules.CanQuote(name));
    }

    private static void AssertFault(string? expected, string? fault)
    {
        if (expected is null)
        {
            Assert.Null(fault);
        }
        else
        {
            Assert.Contains(expected, fault, StringComparison.Ordinal);
        }
    }
}
