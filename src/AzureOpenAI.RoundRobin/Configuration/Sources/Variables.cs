using AzureOpenAI.RoundRobin.Configuration.Rules;
using Microsoft.Extensions.Configuration;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Looks names up in each configuration in turn, then in the process environment. A blank value counts as absent.</summary>
internal sealed class Variables
{
    /// <summary>For constructors, which read no variable.</summary>
    public static readonly Variables None = new([], static _ => null) { AreRead = false };

    private readonly IConfiguration[] _configurations;
    private readonly Func<string, string?> _environment;

    public Variables(IEnumerable<IConfiguration> configurations, Func<string, string?> environment)
    {
        _configurations = [.. configurations];
        _environment = environment;
    }

    public bool AreRead { get; private init; } = true;

    public string? Find(string name)
    {
        foreach (IConfiguration configuration in _configurations)
        {
            if (TextRules.Clean(configuration[name]) is { } text)
            {
                return text;
            }
        }

        return TextRules.Clean(_environment(name));
    }

    /// <summary>A connection string of the app, which in the environment has two underscores for the colon.</summary>
    public string? FindConnectionString(string name) => Find($"ConnectionStrings:{name}") ?? TextRules.Clean(_environment($"ConnectionStrings__{name}"));

    public ConnectionSource? FindConnection()
    {
        foreach (IConfiguration configuration in _configurations)
        {
            if (ConnectionSource.FromSection(VariableNames.Connection, configuration.GetSection(VariableNames.Connection)) is { } source)
            {
                return source;
            }
        }

        return ConnectionSource.FromText(VariableNames.Connection, _environment(VariableNames.Connection));
    }
}
