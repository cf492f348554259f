using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

public sealed class JsonConnectionTests
{
    [Theory]
    [InlineData("""[{"AZURE_OPENAI_API_KEY": nsecret0123456789}]""", "at line 1, position 28;")]
    [InlineData("""[{"AZURE_OPENAI_API_KEY": tsecret0123456789}]""", "at line 1, position 28;")]
    [InlineData("""[{"AZURE_OPENAI_API_KEY": fsecret0123456789}]""", "at line 1, position 28;")]
    [InlineData("[\n  {\"AZURE_OPENAI_API_KEY\": secret0123456789}]", "at line 2, position 28;")]
    [InlineData("\n\n[secret0123456789]", "at line 3, position 2;")]
    [InlineData("""[{secret0123456789: 1}]""", "at line 1, position 3;")]
    [InlineData("""[{"AZURE_OPENAI_API_KEY": "secret0123456789]""", "at line 1, position ")]
    [InlineData("""[{"a": 1}] secret0123456789""", "at line 1, position 12;")]
    [InlineData("secret0123456789", "at line 1, position 1;")]
    [InlineData("[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]", "at line 1, position 17;")]
    public void Parse_InvalidJson_SaysWhereAndNothingElse(string json, string where)
    {
        string fault = Fault(json);

        Assert.StartsWith("ORIGIN is not valid JSON ", fault, StringComparison.Ordinal);
        Assert.Contains(where, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  \r\n\t")]
    [InlineData("\uFEFF")]
    public void Parse_Nothing_IsEmpty(string json)
    {
        Assert.Equal("ORIGIN is empty; set it to a JSON array of endpoints, or remove it.", Fault(json));
    }

    [Fact]
    public void Parse_SingleQuotesAround_SaysSo()
    {
        Assert.Equal("ORIGIN begins with a quotation mark; remove the quotes around the JSON array.", Fault("'[{}]'"));
    }

    [Theory]
    [InlineData("[\"\\uD800\"]")]
    [InlineData("[{\"\\uD800\":1}]")]
    public void Parse_HalfACharacter_IsAFault(string json)
    {
        Assert.Contains("half of a character", Fault(json), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_HalfACharacterUnescaped_IsAFault()
    {
        Assert.Contains("half of a character", Fault($"[\"{(char)0xD800}\"]"), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TooLong_IsAFault()
    {
        Assert.Contains("longer than", Fault($"[\"{new string('x', JsonConnection.MaxLength)}\"]"), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ByteOrderMarkCommentsAndTrailingCommas_AreAllowed()
    {
        Findings findings = new();

        DataNode? root = JsonConnection.Parse("\uFEFF [ // the first\n 1, /* the second */ 2, ] ", "ORIGIN", findings);

        Assert.False(findings.HasFaults);
        Assert.Equal(["1", "2"], root!.Items!.Select(item => item.Text));
    }

    private static string Fault(string json)
    {
        Findings findings = new();
        Assert.Null(JsonConnection.Parse(json, "ORIGIN", findings));
        return Assert.Single(findings.Faults);
    }
}
