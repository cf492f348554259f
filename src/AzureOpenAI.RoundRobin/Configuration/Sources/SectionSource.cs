using System.Globalization;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>The section of a registration: it is the array of endpoints, or holds the variables by their names.</summary>
internal sealed class SectionSource
{
    private SectionSource(string origin) => Origin = origin;

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
            foreach (string name in new[] { "credential_scope", nameof(RoundRobinOptions.CredentialScope) })
            {
                if (TextRules.Clean(Variables?[name]) is { } scope)
                {
                    return (scope, name);
                }
            }

            return null;
        }
    }

    public static SectionSource From(IConfiguration section)
    {
        string origin = section is IConfigurationSection { Path: { Length: > 0 } path } && TextRules.CanShow(path)
            ? $"The configuration section '{path}'"
            : "The configuration section";
        bool hasNames = section.GetChildren().Any(static child => !int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        return hasNames
            ? new(origin) { Variables = section, Endpoints = ConnectionSource.FromSection(VariableNames.Connection, section.GetSection(VariableNames.Connection)) }
            : new(origin) { Endpoints = ConnectionSource.FromSection(origin, section) };
    }
}
