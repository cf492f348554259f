using System.Globalization;
using System.Text.Json;
using AzureOpenAI.RoundRobin.Configuration;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using CsCheck;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Tests.Configuration.Sources;

/// <summary>
/// Connection data that was right once and has been damaged: it makes a pool, or one exception that says where; and of no key does it show so much as a part.
/// </summary>
public sealed class ConnectionFuzz
{
    /// <summary>Of a key that can still be read no part of this length is shown, wherever else it turns up.</summary>
    private const int Piece = KnownKeys.Shortest;

    /// <summary>Of a key that is itself damaged no part of this length: it cannot be known, only guessed.</summary>
    private const int LostPiece = 16;

    /// <summary>As most random keys are, in that no part of them reads like a word or like a number.</summary>
    private static readonly Gen<string> Key = Gen.Select(Gen.OneOf(32, 84), Gen.Char["0123456789"].Array[84], Gen.Char["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"].Array[84], Gen.Int[2, 4].Array[84]).Select(
        static (length, digits, letters, runs) => string.Concat(runs.SelectMany((run, i) => letters[i..Math.Min(84, i + run)].Prepend(digits[i])))[..length]);

    private static readonly Gen<(string Json, string[] Keys)> Valid = Gen.Select(Key, Gen.Int[0, 3], Gen.Bool).Array[1, 4].Select(static entries => (
        $"[{string.Join(",", entries.Select(static (entry, i) => ToJson(i, entry.Item1, entry.Item2, entry.Item3)))}]",
        entries.Select(static entry => entry.Item1).ToArray()));

    private static readonly Gen<string> Inserted = Gen.OneOf(
        Gen.OneOf(
            "[", "]", "{", "}", ",", ":", "\"", "\\", "\n", "\r\n", "\t", "null", "true", "-", "1e400", "'", "//", "/*", "*/", "\uFEFF", "\u200B", "\u202E", "\u0000", "\u2028", "\\u0000", "\\uD800", "\uD800",
            "é", "e\u0301", "🌍", "İ", "ß", "%2F", "..", "?", "#", "@", " ", "\"name\":", "\"AZURE_OPENAI_API_KEY\":", "\"weight\":-1,", "\"deployments\":{},", "\"deployments\":{\"m\":\"m\",\"M\":\"n\"},"),
        Gen.Int[1, 3000].Select(static depth => new string('[', depth)),
        Gen.Int[1, 3000].Select(static depth => string.Concat(Enumerable.Repeat("{\"a\":", depth))),
        Gen.Int[1, 5000].Select(static length => new string('x', length)),
        Gen.String[0, 6]);

    /// <summary>What may happen to a text: a place, how much of it, and what comes there instead.</summary>
    private static readonly Gen<Func<string, string>> Damage = Gen.Select(Gen.Int[0, 5], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Int[0, 60], Inserted).Select(
        static (kind, where, elsewhere, length, inserted) => (Func<string, string>)(text =>
        {
            int at = (int)(where * text.Length);
            int count = Math.Min(length, text.Length - at);
            return kind switch
            {
                0 => text.Remove(at, count),
                1 => text.Insert(at, inserted),
                2 => text.Remove(at, count).Insert(at, inserted),
                3 => text.Insert((int)(elsewhere * text.Length), text.Substring(at, count)),
                4 => text[..at],
                _ => text.Remove(at, count) is var rest ? rest.Insert((int)(elsewhere * rest.Length), text.Substring(at, count)) : text,
            };
        }));

    [Fact]
    public void DamagedJson_MakesAPoolOrOneException_AndShowsNoPartOfAKey() =>
        Gen.Select(Valid, Damage.Array[0, 5]).Sample(static (valid, damages) =>
        {
            string json = damages.Aggregate(valid.Json, static (text, damage) => damage(text));

            AssertSafe(() => Given.Read(Form.Json, json), valid.Keys, KeysIn(json));
        }, iter: 800, print: static sample => sample.Item2.Aggregate(sample.Item1.Json, static (text, damage) => damage(text)));

    [Fact]
    public void ADamagedSection_MakesAPoolOrOneException_AndShowsNoPartOfAKey() =>
        Gen.Select(Valid, Gen.Select(Gen.Int[0, 40], Gen.Int[0, 3], Damage).Array[0, 5]).Sample(static (valid, damages) =>
        {
            List<KeyValuePair<string, string?>> flat = Flatten(valid.Json);
            foreach ((int place, int kind, Func<string, string> damage) in damages)
            {
                int at = place % flat.Count;
                (string name, string? value) = flat[at];
                flat[at] = kind switch
                {
                    0 => KeyValuePair.Create(name, (string?)damage(value ?? "")),
                    1 => KeyValuePair.Create("Pool:" + damage(name["Pool:".Length..]), value),
                    2 => KeyValuePair.Create(name, (string?)null),
                    _ => KeyValuePair.Create(name + ":" + damage("0"), value),
                };
            }

            Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase);
            foreach ((string name, string? value) in flat)
            {
                values[name] = value;
            }

            string[] readable = [.. values.Where(static pair => pair.Key.EndsWith(":AZURE_OPENAI_API_KEY", StringComparison.OrdinalIgnoreCase)).Select(static pair => pair.Value ?? "")];
            AssertSafe(
                () => Given.Services(section: Given.Configuration([.. values.Select(static pair => (pair.Key, pair.Value))]).GetSection("Pool")), valid.Keys, [.. valid.Keys.Intersect(readable)]);
        }, iter: 400);

    [Theory]
    [InlineData('[')]
    [InlineData('{')]
    [InlineData('"')]
    [InlineData('x')]
    [InlineData('\u0000')]
    [InlineData('\uD800')]
    public void AHugeText_IsOneException(char filler)
    {
        foreach (int length in new[] { 1000, JsonConnection.MaxLength, 4 * JsonConnection.MaxLength })
        {
            AssertSafe(() => Given.Read(Form.Json, new string(filler, length)), [], []);
            AssertSafe(() => Given.Read(Form.Json, "[" + new string(filler, length) + "]"), [], []);
            AssertSafe(() => Given.Read(Form.Json, $"[{Given.Entry($"\"name\":\"{new string(filler, length)}\"")}]"), [Given.Key], [Given.Key]);
        }
    }

    [Theory]
    [InlineData("1,", 500_000)]
    [InlineData("{},", 300_000)]
    [InlineData("[],", 300_000)]
    [InlineData("{\"a\":{\"a\":{}}},", 4096)]
    public void AHugeArray_IsOneException(string item, int times) =>
        AssertSafe(() => Given.Read(Form.Json, $"[{string.Concat(Enumerable.Repeat(item, times))}]"), [], []);

    [Fact]
    public void AsManyEndpointsAsThereMayBe_WithAKeyEach_AreRead()
    {
        string json = $"[{string.Join(',', Enumerable.Range(0, ConnectionReader.MostEndpoints).Select(static i =>
            $$"""{"AZURE_OPENAI_ENDPOINT":"https://host{{i}}.example","AZURE_OPENAI_API_KEY":"{{i:x8}}0a1b2c3d4e5f6a7b8c9d0e1f","more":1}"""))}]";

        Assert.Equal(ConnectionReader.MostEndpoints, Given.Read(Form.Json, json).Settings.Endpoints.Count);
        AssertSafe(() => Given.Read(Form.Json, json.Replace("example", "exa mple", StringComparison.Ordinal)), ["0a1b2c3d4e5f6a7b8c9d0e1f"], ["0a1b2c3d4e5f6a7b8c9d0e1f"]);
    }

    [Theory]
    [InlineData("\"name\":\"23456789abcdef0123\",")]
    [InlineData("\"prefix-89abcdef0123456\":1,")]
    [InlineData("\"0123456789ABCDEF\":1,\"weight\":0,")]
    [InlineData("\"name\":\"x89ABCDEF\",\"weight\":0,")]
    public void APartOfAKey_InANameOfAnySort_IsNotShown(string member)
    {
        string[] messages = Messages(() => Given.Read(Form.Json, $"[{{{member}{Given.Entry("\"unknown\":1,\"weight\":0")[1..]}]"));

        Assert.NotEmpty(messages);
        AssertShowsNone(messages, [Given.Key], Piece);
    }

    [Fact]
    public void AName_ThatOnlyHasDigits_IsShown() =>
        Assert.Contains("Endpoint 1 ('contoso-2024-sweden2')", Given.Fault(Form.Json, $"[{Given.Entry("\"name\":\"contoso-2024-sweden2\",\"weight\":0")}]"), StringComparison.Ordinal);

    private static void AssertSafe(Func<Resolution> resolve, string[] keys, string[] readable)
    {
        string[] messages = Messages(resolve);
        AssertShowsNone(messages, keys, LostPiece);
        AssertShowsNone(messages, readable, Piece);
    }

    private static string[] Messages(Func<Resolution> resolve)
    {
        try
        {
            Resolution resolution = resolve();
            Assert.NotEmpty(resolution.Settings.Endpoints);
            return [.. resolution.Warnings];
        }
        catch (OptionsValidationException exception)
        {
            Assert.Null(exception.InnerException);
            Assert.NotEmpty(exception.Failures);
            Assert.All(exception.Failures, static failure =>
            {
                Assert.DoesNotContain(failure, char.IsControl);
                Assert.Matches("Endpoint [0-9]|AZURE_OPENAI|configuration section|no endpoints", failure);
            });
            return [.. exception.Failures, exception.Message, exception.ToString()];
        }
    }

    private static void AssertShowsNone(string[] messages, string[] keys, int length)
    {
        foreach (string key in keys)
        {
            for (int i = 0; i + length <= key.Length; i++)
            {
                string piece = key.Substring(i, length);
                // Without a digit it is none of the key, but came into it with the damage, and may have come elsewhere too.
                if (piece.Any(char.IsAsciiDigit))
                {
                    Assert.All(messages, message => Assert.DoesNotContain(piece, message, StringComparison.OrdinalIgnoreCase));
                }
            }
        }
    }

    /// <summary>Which keys a reader of the text would find where keys belong.</summary>
    private static string[] KeysIn(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip, MaxDepth = 16 });
            return document.RootElement.ValueKind != JsonValueKind.Array ? []
                : [.. document.RootElement.EnumerateArray().Where(static entry => entry.ValueKind == JsonValueKind.Object).SelectMany(static entry => entry.EnumerateObject())
                    .Where(static member => member.Name.Equals("AZURE_OPENAI_API_KEY", StringComparison.OrdinalIgnoreCase) && member.Value.ValueKind == JsonValueKind.String)
                    .Select(static member => member.Value.GetString()!.Trim()).Where(static key => key.Length >= 30 && key.All(char.IsAsciiLetterOrDigit))];
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException or ArgumentException)
        {
            return [];
        }
    }

    private static string ToJson(int place, string key, int style, bool nameFirst)
    {
        string name = $"\"name\":\"endpoint {place}\"";
        string access = $"\"{(style == 1 ? "azure_openai_api_key" : "AZURE_OPENAI_API_KEY")}\":\"{key}\"";
        string address = $"\"AZURE_OPENAI_ENDPOINT\":\"https://host{place}.example{(style == 2 ? "/openai/v1" : "")}\"";
        string more = style == 3 ? ",\"weight\":3,\"priority\":1,\"temperature\":0.5,\"max_tokens\":\"100\",\"deployments\":{\"gpt-4.1\":\"gpt41-prod\"},\"api_version\":\"2024-10-21\",\"color\":\"red\"" : ",\"model\":\"gpt-4o\"";
        return $"{{{(nameFirst ? name + "," + access : access + "," + name)},\n  {address}{more}}}";
    }

    private static List<KeyValuePair<string, string?>> Flatten(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        List<KeyValuePair<string, string?>> flat = [];
        Add(document.RootElement, "Pool");
        return flat;

        void Add(JsonElement element, string path)
        {
            switch (element.ValueKind)
            {
                case JsonValueKind.Object:
                    foreach (JsonProperty member in element.EnumerateObject())
                    {
                        Add(member.Value, $"{path}:{member.Name}");
                    }

                    break;
                case JsonValueKind.Array:
                    foreach ((int i, JsonElement item) in element.EnumerateArray().Index())
                    {
                        Add(item, string.Create(CultureInfo.InvariantCulture, $"{path}:{i}"));
                    }

                    break;
                default:
                    flat.Add(KeyValuePair.Create(path, (string?)element.ToString()));
                    break;
            }
        }
    }
}
