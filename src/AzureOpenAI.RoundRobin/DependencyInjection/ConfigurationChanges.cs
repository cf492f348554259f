using AzureOpenAI.RoundRobin;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Signals that the configuration that a registration reads may have changed: the options themselves do not contain it.</summary>
internal sealed class ConfigurationChanges(string name, IConfiguration? configuration) : IOptionsChangeTokenSource<RoundRobinOptions>
{
    private static readonly CancellationChangeToken Never = new(CancellationToken.None);

    public string Name { get; } = name;

    /// <summary>Whether the two signal the same changes, as a section and its root do.</summary>
    public static bool AreSame(IConfiguration one, IConfiguration? other) => ReferenceEquals(one.GetReloadToken(), other?.GetReloadToken());

    public IChangeToken GetChangeToken() => configuration?.GetReloadToken() ?? Never;
}
