using AzureOpenAI.RoundRobin;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Tells when what a registration reads from the configuration may have changed: its options hold none of it.</summary>
internal sealed class ConfigurationChanges(string name, IConfiguration? configuration) : IOptionsChangeTokenSource<RoundRobinOptions>
{
    private static readonly CancellationChangeToken Never = new(CancellationToken.None);

    public string Name { get; } = name;

    public IChangeToken GetChangeToken() => configuration?.GetReloadToken() ?? Never;
}
