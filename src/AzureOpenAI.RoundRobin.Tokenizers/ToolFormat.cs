using System.Text.Json;
using Microsoft.Extensions.AI;

namespace AzureOpenAI.RoundRobin.Tokenizers;

/// <summary>What functions take up: an estimate, since the service rewrites their schemas in a form of its own that is not documented.</summary>
internal static class ToolFormat
{
    private const int AroundAll = 12;
    private const int BeforeProperties = 3;
    private const int AroundProperty = 3;
    private const int AroundEnum = -3;
    private const int AroundValue = 3;

    public static int Count(IEnumerable<AITool> tools, Encoding encoding)
    {
        int tokens = 0;
        foreach (AIFunctionDeclaration function in tools.OfType<AIFunctionDeclaration>())
        {
            tokens += encoding.FunctionOverhead + encoding.Count($"{function.Name}:{Trim(function.Description)}") + CountProperties(function.JsonSchema, encoding);
        }

        return tokens == 0 ? 0 : tokens + AroundAll;
    }

    private static int CountProperties(JsonElement schema, Encoding encoding)
    {
        if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("properties", out JsonElement properties)
            || properties.ValueKind != JsonValueKind.Object)
        {
            return 0;
        }

        int tokens = 0;
        foreach (JsonProperty property in properties.EnumerateObject())
        {
            tokens += AroundProperty + encoding.Count($"{property.Name}:{TypeOf(property.Value)}:{Trim(Text(property.Value, "description"))}") + CountValue(property.Value, encoding);
        }

        return tokens == 0 ? 0 : BeforeProperties + tokens;
    }

    /// <summary>What is inside of one: the values of an enumeration, the properties of an object, the items of an array.</summary>
    private static int CountValue(JsonElement schema, Encoding encoding)
    {
        int tokens = CountProperties(schema, encoding);
        if (schema.ValueKind != JsonValueKind.Object)
        {
            return tokens;
        }

        if (schema.TryGetProperty("enum", out JsonElement values) && values.ValueKind == JsonValueKind.Array)
        {
            tokens += AroundEnum + values.EnumerateArray().Sum(value => AroundValue + encoding.Count(value.ToString()));
        }

        return schema.TryGetProperty("items", out JsonElement items) ? tokens + CountValue(items, encoding) : tokens;
    }

    private static string TypeOf(JsonElement schema) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty("type", out JsonElement type) ? type.ToString() : "";

    private static string Text(JsonElement schema, string name) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(name, out JsonElement text) && text.ValueKind == JsonValueKind.String ? text.GetString()! : "";

    private static string Trim(string description) => description.EndsWith('.') ? description[..^1] : description;
}
