namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

/// <summary>What becomes of a right text on its way through shells, files, portals and editors, and what is said of it.</summary>
public sealed class BrokenJsonTests
{
    private const string Right = $$"""[{"AZURE_OPENAI_ENDPOINT":"https://east.openai.azure.com","AZURE_OPENAI_API_KEY":"{{Given.Key}}","model":"gpt-4o","weight":2}]""";
    private const string Lines = $$"""
        [
          {
            "AZURE_OPENAI_ENDPOINT": "https://east.openai.azure.com",
            "AZURE_OPENAI_API_KEY": "{{Given.Key}}",
            "model": "gpt-4o"
          }
        ]
        """;

    private const string Around = "begins with a quotation mark; remove the quotes around the JSON array.";
    private const string AroundAndBackslashes = "begins with a quotation mark; remove the quotes around the JSON array and the backslashes in it.";
    private const string Backslashes = "at line 1, position 3; it has backslashes in front of its quotation marks or for its line breaks,";
    private const string Single = "it has single quotation marks around names and texts; JSON has double ones.";
    private const string Typographic = "it has typographic quotation marks, as word processors make them; write straight ones.";
    private const string NoQuotes = "it has no quotation marks, since a shell has removed them; put the whole array in single quotes there.";
    private const string BreaksOff = "it breaks off there: a quotation mark or a bracket is missing. A value that spans lines needs single quotes around it in a .env file or a shell.";
    private const string Named = "begins with a name in front of the JSON array; remove everything before the [.";
    private const string Yaml = """is YAML; write a JSON array of objects, like [{ "AZURE_OPENAI_ENDPOINT": "https://..." }].""";
    private const string Path = "is the path of a file; give the JSON array that the file has in it.";
    private const string Address = "is an address; set it to a JSON array of objects with AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY.";
    private const string Base64 = "is base64; give the JSON array as it was before.";
    private const string Encoded = "is URL-encoded; give the JSON array as it was before.";
    private const string Behind = "remove what stands behind the end of the array; several arrays become one.";
    private const string Several = "write [ ] around the objects, and a comma between them.";
    private const string Comma = "a comma or a colon is missing in front of that.";
    private const string Placeholder = "is still a placeholder; put the value itself there.";

    public static TheoryData<string, string> Texts => new()
    {
        // Quotes that a shell, docker's --env-file or an editor kept.
        { $"'{Right}'", Around },
        { $"' {Lines} '", Around },
        { $"\"{Right}\"", Around },
        { $"`{Right}`", Around },
        { $"\u2018{Right}\u2019", Around },
        { $"\u201C{Right}\u201D", Around },
        { $"'{Right}", Around },
        { $"{Right}'", Behind },
        { $"{Right}\"", Behind },
        { $"\"{Escaped(Right)}\"", "is text, not an array; remove the quotes around the JSON array and the backslashes in it." },
        { $"'{Escaped(Right)}'", AroundAndBackslashes },
        { $"\"{Escaped(Right)}", AroundAndBackslashes },
        { "\"[]\"", "is text, not an array; remove the quotes around the JSON array." },

        // Escapes that were kept.
        { Escaped(Right), Backslashes },
        { Escaped(Escaped(Right)), Backslashes },
        { Right.Replace("\"", "\\u0022", StringComparison.Ordinal), Backslashes },
        { Right.Replace("\"", "\\'", StringComparison.Ordinal), Backslashes },
        { Lines.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal), "at line 1, position 2; it has backslashes in front of its quotation marks or for its line breaks," },
        { Right.Replace("\"", "\"\"", StringComparison.Ordinal), "it has each quotation mark twice; write each once." },
        { Right.Replace("\"", "^\"", StringComparison.Ordinal), "it has ^ or ` in front of its quotation marks, as shells write them; remove these." },
        { Right.Replace("\"", "`\"", StringComparison.Ordinal), "it has ^ or ` in front of its quotation marks, as shells write them; remove these." },
        { Right.Replace("https://", @"https:\.", StringComparison.Ordinal), "write two backslashes, or none, in place of the one in front of that." },

        // Other quotation marks.
        { Right.Replace('"', '\''), Single },
        { Lines.Replace('"', '\''), Single },
        { Right.Replace("\"model\"", "'model'", StringComparison.Ordinal), "write double quotation marks in place of single ones." },
        { Right.Replace("\"gpt-4o\"", "'gpt-4o'", StringComparison.Ordinal), "write double quotation marks in place of single ones." },
        { Right.Replace("\"", "\u201D", StringComparison.Ordinal), Typographic },
        { Right.Replace("\"", "\u201C", StringComparison.Ordinal), Typographic },
        { Right.Replace("\"", "\u2019", StringComparison.Ordinal), Typographic },
        { Right.Replace("\"", "\u201E", StringComparison.Ordinal), Typographic },
        { Right.Replace("\"", "\u00AB", StringComparison.Ordinal), Typographic },
        { Right.Replace("\"gpt-4o\"", "\u201Cgpt-4o\u201D", StringComparison.Ordinal), "write straight quotation marks in place of typographic ones." },
        { Right.Replace("\"model\"", "\u201Emodel\u201C", StringComparison.Ordinal), "write straight quotation marks in place of typographic ones." },
        { "[{\"model\u201D:1}]", "a quotation mark is missing, or is a typographic one, as word processors make them; write straight ones." },
        { Right.Replace("\"", "&quot;", StringComparison.Ordinal), "has &quot; for quotation marks, as HTML does; write the quotation marks themselves." },
        { Right.Replace("\"", "&#34;", StringComparison.Ordinal), "has &quot; for quotation marks, as HTML does; write the quotation marks themselves." },

        // Quotation marks that are gone.
        { Right.Replace("\"", "", StringComparison.Ordinal), NoQuotes },
        { Lines.Replace("\"", "", StringComparison.Ordinal), NoQuotes },
        { Right.Replace("\"model\"", "model", StringComparison.Ordinal), "write the name in double quotation marks." },
        { Right.Replace("\"gpt-4o\"", "gpt-4o", StringComparison.Ordinal), "write the text in double quotation marks." },
        { Right.Replace("\"gpt-4o\"", "gpt-4o\"", StringComparison.Ordinal), "write the text in double quotation marks." },
        { Lines.Replace(".com\",", ".com,", StringComparison.Ordinal), "at line 3, position 61; a line or a tab ends a text there; write the text on one line, with its quotation mark at its end." },
        { Lines.Replace("east.", "east\t.", StringComparison.Ordinal), "a line or a tab ends a text there;" },

        // Cut.
        { "[", "at line 1, position 2; " + BreaksOff },
        { "[\n  {\n    \"AZURE_OPENAI_ENDPOINT\":", BreaksOff },
        { Right[..^1], BreaksOff },
        { Right[..^2], BreaksOff },
        { Right[..40], BreaksOff },
        { Right[..80], BreaksOff },
        { "[{", BreaksOff },
        { "{", BreaksOff },

        // Between the values.
        { Right.Replace("\"model\"", ",\"model\"", StringComparison.Ordinal), "remove a comma." },
        { $"[,{Right[1..]}", "remove a comma." },
        { Right.Replace("\"gpt-4o\"", "", StringComparison.Ordinal), "a value is missing there." },
        { Right.Replace("\":\"gpt", "\" \"gpt", StringComparison.Ordinal), Comma },
        { Right.Replace(",\"model\"", " \"model\"", StringComparison.Ordinal), Comma },
        { $"[{Right[1..^1]} {Right[1..^1]}]", Comma },
        { Right.Replace(",\"model\"", ";\"model\"", StringComparison.Ordinal), "write a comma in place of the semicolon." },
        { Right.Replace("\"model\":", "\"model\"=", StringComparison.Ordinal), "write a colon in place of the equals sign." },
        { Right.Replace("\"model\":", "\"model\"\uFF1A", StringComparison.Ordinal), "the character U+FF1A there is not JSON's; write the plain one that it looks like." },
        { Right.Replace("{\"", "{\u00A0\"", StringComparison.Ordinal), "at line 1, position 3; the character U+00A0 there is not JSON's; write the plain one that it looks like." },
        { Right.Replace("{\"", "{\u200B\"", StringComparison.Ordinal), "the character U+200B there is not JSON's;" },
        { Right.Replace("gpt-4o\"", "\u00E9\U0001F30D\";", StringComparison.Ordinal), "at line 1, position 130; write a comma in place of the semicolon." },
        { Right.Replace(":2", ":True", StringComparison.Ordinal), "write true, false or null, where Python has True, False or None." },
        { Right.Replace("\"gpt-4o\"", "None", StringComparison.Ordinal), "write true, false or null, where Python has True, False or None." },
        { Right.Replace(":2", ":002", StringComparison.Ordinal), "look there for a missing quote, comma, colon or bracket." },
        { $"# endpoints\n{Right}", "at line 1, position 1; remove the comment, or begin it with //." },

        // Around the array.
        { $"{Right[1..^1]},{Right[1..^1]}", Several },
        { $"{Right[1..^1]}\n{Right[1..^1]}", Several },
        { $"{Right}\n{Right}", Behind },
        { $"{Right}]", Behind },
        { $"{Right};", Behind },
        { $"AZURE_OPENAI_ROUND_ROBIN_CONNECTION={Right}", Named },
        { $"export AZURE_OPENAI_ROUND_ROBIN_CONNECTION='{Right}'", Named },
        { $"$env:AZURE_OPENAI_ROUND_ROBIN_CONNECTION = '{Right}'", Named },
        { $"\"AZURE_OPENAI_ROUND_ROBIN_CONNECTION\": {Right}", Named },
        { $"connection: |\n  {Right}", Named },

        // Something else.
        { "- AZURE_OPENAI_ENDPOINT: https://east.openai.azure.com\n  AZURE_OPENAI_API_KEY: " + Given.Key, Yaml },
        { "---\n- AZURE_OPENAI_ENDPOINT: https://east.openai.azure.com", Yaml },
        { "AZURE_OPENAI_ENDPOINT: https://east.openai.azure.com\nAZURE_OPENAI_API_KEY: " + Given.Key, Yaml },
        { "endpoints:\n  - AZURE_OPENAI_ENDPOINT: https://east.openai.azure.com", Yaml },
        { Uri.EscapeDataString(Right), Encoded },
        { Uri.EscapeDataString(Right[1..^1]), Encoded },
        { Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Right)), Base64 },
        { Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes("\uFEFF " + Right), Base64FormattingOptions.InsertLineBreaks), Base64 },
        { "/run/secrets/connection", Path },
        { "./connection.json", Path },
        { "~/endpoints.json", Path },
        { "endpoints.json", Path },
        { "@connection.json", Path },
        { @"C:\secrets\connection.json", Path },
        { @"\\server\share\connection", Path },
        { "file:///etc/connection.json", Path },
        { "https://east.openai.azure.com/", Address },
        { string.Concat(Right.Select(static c => $"{c}\0")), "has NUL characters, as a file does that was saved as UTF-16; save it as UTF-8." },
        { "<your-connection>", Placeholder },
        { "your-connection-json", Placeholder },
        { "...", Placeholder },
        { "\\[{}]", "begins with a backslash; remove the backslashes that a shell or a file has put into the JSON array." },
        { "garbage", "at line 1, position 1; look there for a missing quote, comma, colon or bracket." },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Describe_SaysWhatBrokeIt(string text, string expected)
    {
        string fault = Given.Fault(Form.Json, text);

        Assert.StartsWith("AZURE_OPENAI_ROUND_ROBIN_CONNECTION " + (expected.StartsWith("is ", StringComparison.Ordinal) || expected.StartsWith("has ", StringComparison.Ordinal) || expected.StartsWith("begins ", StringComparison.Ordinal) ? expected : "is not valid JSON at line "), fault, StringComparison.Ordinal);
        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("openai.azure", fault, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Texts_AreManyAndTheRightOnesAreRead()
    {
        Assert.InRange(Texts.Count, 80, 150);
        Assert.All([Right, Lines], static text => Assert.Single(Given.Read(Form.Json, text).Settings.Endpoints));
    }

    private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
