using System.Collections.Frozen;
using Azure.Core;
using AzureOpenAI.RoundRobin.Configuration.Rules;
using AzureOpenAI.RoundRobin.Configuration.Sources;
using Microsoft.Extensions.Options;

namespace AzureOpenAI.RoundRobin.Configuration;

/// <summary>Checks all rules, then sets all defaults.</summary>
internal sealed class SettingsBuilder(
    RoundRobinOptions options, Registration registration, Variables variables, Findings findings, Func<string, HttpClient>? httpClients,
    Func<RoundRobinOptions, Resolution> renew, SectionSource? section = null)
{
    private readonly BaseSettings _base = new(options, registration, variables, section);

    public Resolution Build(bool isEnabled, IReadOnlyList<EndpointEntry> entries)
    {
        List<ChosenEntry> chosen = Check(entries);
        if (findings.HasFaults)
        {
            Refuse();
        }

        string[] names = EndpointNames.Choose(chosen.ConvertAll(static c => c.Entry));
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
            Api = _base.Api,
            Temperature = options.Temperature,
            MaxOutputTokens = options.MaxOutputTokens,
            MaxWait = options.MaxWait,
            MaxWaiting = options.MaxWaiting,
            AttemptTimeout = options.AttemptTimeout,
            FirstContentTimeout = options.FirstContentTimeout == Timeout.InfiniteTimeSpan ? null : options.FirstContentTimeout,
            MaxAttempts = options.MaxAttempts,
            Affinity = options.Affinity,
            AffinityKey = options.AffinityKey,
            MarkIds = options.MarkIds,
            ResumeStreams = options.ResumeStreams,
            FallBackFromFlex = options.FallBackFromFlex,
            ClassifyException = options.ClassifyException,
            Backplane = options.Backplane,
            HttpClient = httpClient,
            HttpClientName = options.HttpClientName,
        };
        return new Resolution { IsEnabled = isEnabled, Settings = settings, Warnings = findings.Warnings, Renew = renew };
    }

    private void Refuse()
    {
        string of = registration.Label;
        throw new OptionsValidationException(registration.Name, typeof(RoundRobinOptions), findings.Faults.Select(fault => of + fault));
    }

    private static bool Outlasts(TimeSpan first, TimeSpan second) =>
        second != Timeout.InfiniteTimeSpan && (first == Timeout.InfiniteTimeSpan || first > second);

    private List<ChosenEntry> Check(IReadOnlyList<EndpointEntry> entries)
    {
        // All keys must be known before the first name is checked, since a name may contain one.
        foreach (EndpointEntry entry in entries)
        {
            findings.Protect(entry.ApiKey);
            entry.Decide(_base.Api, forChat: !registration.ForEmbeddings);
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
        CheckOperations(chosen);
        ApiRules.Check(chosen, _base.Api, findings);
        return chosen;
    }

    private void CheckDeployments(List<ChosenEntry> chosen)
    {
        EndpointEntry[] without = [.. chosen.Where(static c => c.Deployment.Name is null && c.Entry.NeedsDeployment).Select(static c => c.Entry)];
        if (without.Length == 0)
        {
            return;
        }

        string variable = registration.ForEmbeddings ? VariableNames.EmbeddingDeployment : VariableNames.Deployment;
        string meant = string.Concat(without.Select(static entry => (entry.Meant(EntryField.Deployment) ?? entry.Meant(EntryField.Model)) is { } name ? $" {Findings.Label(entry)}: {name}" : ""));
        findings.Fault($"{string.Join(", ", without.Select(Findings.Label))}: no deployment is named; name one at the endpoint "
            + $"({EntryField.Deployment.InData()} or {EntryField.Model.InData()}, in code {nameof(EndpointOptions)}.{nameof(EndpointOptions.DeploymentName)})"
            + (variables.AreRead ? $", in {nameof(RoundRobinOptions)}.{nameof(options.DeploymentName)}, or in {variable}." : $", or in {nameof(RoundRobinOptions)}.{nameof(options.DeploymentName)}.") + meant);
    }

    /// <summary>A deployment that only an address names, and names for something else than what is registered.</summary>
    private void CheckOperations(List<ChosenEntry> chosen)
    {
        foreach ((EndpointEntry entry, DeploymentChoice deployment) in chosen)
        {
            if (entry is not { Kind: EndpointKind.Classic, Target: { Operation: { } operation, Faults: [] } target } || !string.Equals(deployment.Name, target.Deployment, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            string field = entry.NameOf(EntryField.Endpoint);
            if (registration.ForChat && !AddressPath.Chats(operation))
            {
                findings.Fault(entry, $"{field} is the address of /{operation}, so its deployment does not chat; give the address that ends in /chat/completions, or that of the resource.");
            }

            if (registration.ForEmbeddings && !AddressPath.Embeds(operation))
            {
                findings.Fault(entry, $"{field} is the address of /{operation}, so its deployment makes no embeddings; name the one that does in {nameof(RoundRobinOptions)}.{nameof(options.DeploymentName)}"
                    + (variables.AreRead ? $" or in {VariableNames.EmbeddingDeployment}." : "."));
            }
        }
    }

    private EndpointSettings Build(ChosenEntry chosen, string name)
    {
        (EndpointEntry entry, DeploymentChoice deployment) = chosen;
        TokenCredential? credential = entry.ApiKey is null && entry.Kind != EndpointKind.ReadyMade ? entry.Credential ?? options.Credential : null;
        return new EndpointSettings
        {
            Name = name,
            HasOwnName = entry.Name is not null,
            Kind = entry.Kind,
            Api = entry.Api ?? EndpointApi.Chat,
            Address = entry.Target?.Address,
            ApiKey = entry.ApiKey,
            Credential = credential,
            CredentialScope = credential is null ? null : _base.CredentialScope ?? AzureHosts.CredentialScope(entry.Target!.Address),
            ChatClient = entry.ChatClient,
            EmbeddingGenerator = entry.EmbeddingGenerator,
            Deployment = deployment.Name,
            Deployments = entry.Deployments.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase),
            ApiVersion = entry.Kind == EndpointKind.Classic ? entry.OwnApiVersion ?? _base.ApiVersion : null,
            Temperature = (deployment.IsEndpoints ? entry.Temperature : null) ?? options.Temperature,
            MaxOutputTokens = (deployment.IsEndpoints ? entry.MaxOutputTokens : null) ?? options.MaxOutputTokens,
            Weight = entry.Weight,
            Priority = entry.Priority,
            RequestsPerMinute = deployment.IsEndpoints ? entry.RequestsPerMinute : null,
            TokensPerMinute = deployment.IsEndpoints ? entry.TokensPerMinute : null,
        };
    }
}
