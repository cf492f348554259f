using System.Globalization;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The section of a registration: it is the array of endpoints, or holds options, variables and endpoints by their names.</summary>
internal sealed class SectionSource
{
    public const string CredentialScopeName = "credential_scope";

    private readonly bool _hasTwo;
    private readonly string[] _endpoints;

    private SectionSource(string origin, bool hasTwo = false, string[]? endpoints = null) => (Origin, _hasTwo, _endpoints) = (origin, hasTwo, endpoints ?? []);

    /// <summary>Its name in messages.</summary>
    public string Origin { get; }

    /// <summary>Null where it gives no endpoints.</summary>
    public ConnectionSource? Endpoints { get; private init; }

    /// <summary>Null where it is the endpoints themselves.</summary>
    public IConfiguration? Variables { get; private init; }

    /// <summary>The scope of credentials, with the name that it has there; null where there is none.</summary>
    public (string Scope, string Name)? CredentialScope
    {
        get
        {
            foreach (string name in new[] { CredentialScopeName, nameof(RoundRobinOptions.CredentialScope) })
            {
                if (TextRules.Clean(Variables?[name]) is { } scope)
                {
                    return (scope, name);
                }
            }

            return null;
        }
    }

    /// <summary>Reports what it has beside endpoints that is wrong or unknown.</summary>
    public void Check(Findings findings)
    {
        if (Variables is null)
        {
            return;
        }

        SectionOptions.Check(Variables, Origin, _endpoints, findings);
        if (_hasTwo)
        {
            findings.Explain($"{Origin} has {nameof(RoundRobinOptions.Endpoints)} and {VariableNames.Connection}; {nameof(RoundRobinOptions.Endpoints)} is used.");
        }
    }

    public static SectionSource From(IConfiguration section)
    {
        string origin = NameOf(section);
        bool hasNames = section.GetChildren().Any(static child => !int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        if (!hasNames)
        {
            return new(origin) { Endpoints = ConnectionSource.FromSection(origin, section) };
        }

        IConfigurationSection list = section.GetSection(nameof(RoundRobinOptions.Endpoints));
        ConnectionSource? byOption = SectionOptions.AreIn(section) ? ConnectionSource.FromSection(NameOf(list), list) : null;
        ConnectionSource? byVariable = ConnectionSource.FromSection(VariableNames.Connection, section.GetSection(VariableNames.Connection));
        if (byOption is not null || byVariable is not null || !SectionOptions.AreIn(section))
        {
            return new(origin, byOption is not null && byVariable is not null) { Variables = section, Endpoints = byOption ?? byVariable };
        }

        string[] names = [.. section.GetChildren().Where(static child => !SectionOptions.IsKnown(child.Key) && IsEndpoint(child)).Select(static child => child.Key)];
        return new(origin, endpoints: names) { Variables = section, Endpoints = names.Length == 0 ? null : ConnectionSource.FromNames(origin, section, names) };
    }

    private static bool IsEndpoint(IConfigurationSection section) =>
        section.GetChildren().Any(static child => EntryFieldNames.Find(child.Key) is EntryField.Endpoint or EntryField.ApiKey);

    private static string NameOf(IConfiguration section) =>
        section is IConfigurationSection { Path: { Length: > 0 } path } && TextRules.CanShow(path) ? $"The configuration section '{path}'" : "The configuration section";
}
