using System.Collections.Frozen;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Checks everything that was said, then fills in every default.</summary>
internal sealed class SettingsBuilder(
    RoundRobinOptions options, Registration registration, Variables variables, Findings findings, Func<string, HttpClient>? httpClients,
    Func<RoundRobinOptions, Resolution> renew)
{
    private readonly BaseSettings _base = new(options, registration, variables);

    public Resolution Build(bool isEnabled, IReadOnlyList<EndpointEntry> entries)
    {
        List<ChosenEntry> chosen = Check(entries);
        if (findings.HasFaults)
        {
            string of = registration.Label;
            throw new OptionsValidationException(registration.Name, typeof(RoundRobinOptions), findings.Faults.Select(fault => of + fault));
        }

        string[] names = EndpointNames.Choose([.. chosen.Select(static c => c.Entry)]);
        EndpointSettings[] endpoints = [.. chosen.Select((c, i) => Build(c, names[i]))];
        HttpClient? httpClient = options.HttpClientName is { } clientName ? httpClients!(clientName) : options.HttpClient;
        ApiVersions.Warn(endpoints, findings);
        if (isEnabled && httpClient is not null && Outlasts(options.AttemptTimeout, httpClient.Timeout))
        {
            findings.Warn($"The HttpClient's Timeout is {httpClient.Timeout} and would cut AttemptTimeout short; set it to Timeout.InfiniteTimeSpan.");
        }

        if (!isEnabled && endpoints[0] is { Kind: EndpointKind.Classic, Deployments.Count: > 0 })
        {
            findings.Warn($"The round-robin is off, and the SDK's own client of '{endpoints[0].Name}' has one deployment in its path: a call that names a model is answered by '{endpoints[0].Deployment}', and {chosen[0].Entry.NameOf(EntryField.Deployments)} is not used.");
        }

        PoolSettings settings = new()
        {
            Endpoints = endpoints,
            Temperature = options.Temperature,
            MaxOutputTokens = options.MaxOutputTokens,
            MaxWait = options.MaxWait,
            AttemptTimeout = options.AttemptTimeout,
            FirstContentTimeout = options.FirstContentTimeout == Timeout.InfiniteTimeSpan ? null : options.FirstContentTimeout,
            MaxAttempts = options.MaxAttempts,
            Affinity = options.Affinity,
            AffinityKey = options.AffinityKey,
            ClassifyException = options.ClassifyException,
            HttpClient = httpClient,
            HttpClientName = options.HttpClientName,
        };
        return new Resolution { IsEnabled = isEnabled, Settings = settings, Warnings = findings.Warnings, Renew = renew };
    }

    private static bool Outlasts(TimeSpan first, TimeSpan second) =>
        second != Timeout.InfiniteTimeSpan && (first == Timeout.InfiniteTimeSpan || first > second);

    private List<ChosenEntry> Check(IReadOnlyList<EndpointEntry> entries)
    {
        // Every key must be known before the first name is judged.
        foreach (EndpointEntry entry in entries)
        {
            findings.Protect(entry.ApiKey);
        }

        new PoolRules(options, findings).Check(canCreateClients: httpClients is not null);
        _base.Check(findings, inPath: entries.Any(static entry => entry.Kind == EndpointKind.Classic));

        EntryRules rules = new(findings, hasSharedCredential: options.Credential is not null, registration);
        foreach (EndpointEntry entry in entries)
        {
            rules.Check(entry);
        }

        List<ChosenEntry> chosen = ChosenEntry.Merge(
            entries.Select(entry => new ChosenEntry(entry, DeploymentChoice.For(entry, _base))), findings);
        EndpointNames.CheckUnique(chosen.Select(static c => c.Entry), findings);
        CheckDeployments(chosen);
        return chosen;
    }

    private void CheckDeployments(List<ChosenEntry> chosen)
    {
        string[] without = [.. chosen.Where(static c => c.Deployment.Name is null && c.Entry.NeedsDeployment).Select(static c => Findings.Label(c.Entry))];
        if (without.Length == 0)
        {
            return;
        }

        string variable = registration.ForEmbeddings ? VariableNames.EmbeddingDeployment : VariableNames.Deployment;
        findings.Fault($"{string.Join(", ", without)}: no deployment is named; name one at the endpoint "
            + $"({EntryField.Deployment.InData()} or {EntryField.Model.InData()}, in code {nameof(EndpointOptions)}.{nameof(EndpointOptions.DeploymentName)})"
            + (variables.AreRead ? $", in {nameof(RoundRobinOptions)}.{nameof(options.DeploymentName)}, or in {variable}." : $", or in {nameof(RoundRobinOptions)}.{nameof(options.DeploymentName)}."));
    }

    private EndpointSettings Build(ChosenEntry chosen, string name)
    {
        (EndpointEntry entry, DeploymentChoice deployment) = chosen;
        return new EndpointSettings
        {
            Name = name,
            HasOwnName = entry.Name is not null,
            Kind = entry.Kind,
            Address = entry.Address is { } address ? AddressRules.Normalize(address) : null,
            ApiKey = entry.ApiKey,
            Credential = entry.ApiKey is null && entry.Kind != EndpointKind.ReadyMade ? entry.Credential ?? options.Credential : null,
            ChatClient = entry.ChatClient,
            EmbeddingGenerator = entry.EmbeddingGenerator,
            Deployment = deployment.Name,
            Deployments = entry.Deployments.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase),
            ApiVersion = entry.Kind == EndpointKind.Classic ? entry.ApiVersion ?? _base.ApiVersion : null,
            Temperature = (deployment.IsEndpoints ? entry.Temperature : null) ?? options.Temperature,
            MaxOutputTokens = (deployment.IsEndpoints ? entry.MaxOutputTokens : null) ?? options.MaxOutputTokens,
            Weight = entry.Weight,
            Priority = entry.Priority,
            RequestsPerMinute = deployment.IsEndpoints ? entry.RequestsPerMinute : null,
            TokensPerMinute = deployment.IsEndpoints ? entry.TokensPerMinute : null,
        };
    }
}
