using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>One place that holds connection data: text, which is JSON or a connection string, or the children of a section, or some of them.</summary>
internal sealed class ConnectionSource
{
    private const int MaxDepth = 16;

    private readonly string? _json;
    private readonly IConfiguration? _section;
    private readonly string[]? _names;

    private ConnectionSource(string origin, string? json, IConfiguration? section, string[]? names = null) =>
        (Origin, _json, _section, _names) = (origin, json, section, names);

    /// <summary>Its name in messages.</summary>
    public string Origin { get; }

    /// <returns>Null where there is nothing but whitespace.</returns>
    public static ConnectionSource? FromText(string origin, string? json) =>
        string.IsNullOrWhiteSpace(json) ? null : new(origin, json, section: null);

    /// <returns>Null where the section is absent or empty.</returns>
    public static ConnectionSource? FromSection(string origin, IConfiguration section)
    {
        string? json = (section as IConfigurationSection)?.Value;
        bool hasChildren = section.GetChildren().Any();
        return hasChildren || !string.IsNullOrWhiteSpace(json) ? new(origin, json, hasChildren ? section : null) : null;
    }

    /// <returns>The source of the endpoints under these names of the section, of which it also has others.</returns>
    public static ConnectionSource FromNames(string origin, IConfiguration section, string[] names) => new(origin, json: null, section, names);

    /// <returns>The root, or null after adding a fault.</returns>
    public DataNode? Load(Findings findings)
    {
        if (string.IsNullOrWhiteSpace(_json))
        {
            return _names is null ? ToNode(_section!, depth: 0) : DataNode.OfSection([.. _names.Select(name => KeyValuePair.Create(name, ToNode(_section!.GetSection(name), depth: 1)))]);
        }

        if (_section is not null)
        {
            // Typically an array in appsettings.json, and a variable of the same name.
            findings.Explain($"{Origin} is given both as JSON text and as a section; the text is used.");
        }

        return ConnectionString.IsOne(_json) ? DataNode.OfArray([ConnectionString.Parse(_json)]) : JsonConnection.Parse(_json, Origin, findings);
    }

    private static DataNode ToNode(IConfiguration configuration, int depth)
    {
        KeyValuePair<string, DataNode>[] members = depth < MaxDepth
            ? [.. configuration.GetChildren().Select(child => KeyValuePair.Create(child.Key, ToNode(child, depth + 1)))]
            : [];
        return members.Length > 0 ? DataNode.OfSection(members)
            : configuration is IConfigurationSection { Value: { } text } ? DataNode.OfText(text)
            : DataNode.Null;
    }
}
