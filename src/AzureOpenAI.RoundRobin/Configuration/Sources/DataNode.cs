namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>A value of the connection data, whether it came from JSON or from a configuration section.</summary>
internal sealed class DataNode
{
    private DataNode(DataKind kind) => Kind = kind;

    public DataKind Kind { get; }

    /// <summary>The text, or a number as it was written.</summary>
    public string Text { get; private init; } = string.Empty;

    /// <summary>Null where this is no array. A section whose names are all numbers is both an array and an object.</summary>
    public IReadOnlyList<DataNode>? Items { get; private init; }

    /// <summary>Null where this is no object. In order, duplicates kept.</summary>
    public IReadOnlyList<KeyValuePair<string, DataNode>>? Members { get; private init; }

    /// <summary>Several providers may have put it together, each with a part.</summary>
    public bool IsSection { get; private init; }

    public static DataNode Null { get; } = new(DataKind.Null);

    public static DataNode Boolean { get; } = new(DataKind.Boolean);

    public static DataNode OfText(string text) => new(DataKind.Text) { Text = text };

    public static DataNode OfNumber(string digits) => new(DataKind.Number) { Text = digits };

    public static DataNode OfArray(IReadOnlyList<DataNode> items) => new(DataKind.Array) { Items = items };

    public static DataNode OfObject(IReadOnlyList<KeyValuePair<string, DataNode>> members) => new(DataKind.Object) { Members = members };

    public static DataNode OfSection(IReadOnlyList<KeyValuePair<string, DataNode>> members) =>
        members.All(static member => uint.TryParse(member.Key, System.Globalization.NumberStyles.None, null, out _))
            ? new(DataKind.Array) { Members = members, Items = [.. members.Select(static member => member.Value)], IsSection = true }
            : new(DataKind.Object) { Members = members, IsSection = true };

    public string Describe() => Kind switch
    {
        DataKind.Null => "null",
        DataKind.Boolean => "true or false",
        DataKind.Number => "a number",
        DataKind.Text => "text",
        DataKind.Array => "an array",
        _ => "an object",
    };
}
