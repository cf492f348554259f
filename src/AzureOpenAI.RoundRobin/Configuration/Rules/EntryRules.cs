using AzureOpenAI.RoundRobin.Configuration.Sources;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The rules for one endpoint; each broken one is a fault.</summary>
internal sealed class EntryRules(Findings findings, bool hasSharedCredential, Registration registration)
{
    public void Check(EndpointEntry entry)
    {
        if (entry.Kind == EndpointKind.ReadyMade)
        {
            CheckReadyMade(entry);
        }
        else
        {
            CheckAddress(entry);
            CheckAccess(entry);
            CheckApi(entry);
            CheckApiVersion(entry);
        }

        CheckName(entry);
        CheckDeployments(entry);
        CheckNumbers(entry);
        CheckShown(entry, EntryField.Name, entry.Name);
        CheckShown(entry, EntryField.Endpoint, entry.Address is { IsAbsoluteUri: true } address ? address.Host : null);
        CheckShown(entry, entry.DeploymentField, entry.Deployment);
        CheckShown(entry, EntryField.Endpoint, entry.Target?.Deployment);
        foreach (string deployment in entry.Deployments.Values)
        {
            CheckShown(entry, EntryField.Deployments, deployment);
        }
    }

    private void CheckShown(EndpointEntry entry, EntryField field, string? text)
    {
        if (text is not null && findings.ContainsSecret(text))
        {
            findings.Fault(entry, $"{entry.NameOf(field)} contains a key, and logs show it; choose another.");
        }
    }

    private void CheckReadyMade(EndpointEntry entry)
    {
        if (registration.ForEmbeddings && entry.EmbeddingGenerator is null)
        {
            findings.Fault(entry, "a ready-made ChatClient makes no embeddings; set EmbeddingGenerator as well, or give the address of a resource instead.");
        }

        if (registration.ForChat && entry.ChatClient is null)
        {
            findings.Fault(entry, "a ready-made EmbeddingGenerator does not chat; set ChatClient as well, or give the address of a resource instead.");
        }

        string[] unused = Given(
            (nameof(EndpointOptions.Endpoint), entry.Address), (nameof(EndpointOptions.ApiKey), entry.ApiKey),
            (nameof(EndpointOptions.Credential), entry.Credential), (nameof(EndpointOptions.ApiVersion), entry.ApiVersion), (nameof(EndpointOptions.Api), entry.Api));
        if (unused.Length > 0)
        {
            string[] readyMade = Given((nameof(EndpointOptions.ChatClient), entry.ChatClient), (nameof(EndpointOptions.EmbeddingGenerator), entry.EmbeddingGenerator));
            findings.Fault(entry, $"{List(readyMade)} {(readyMade.Length == 1 ? "is" : "are")} ready-made, so {List(unused)} would not be used; "
                + $"remove {(unused.Length == 1 ? "it" : "them")}, or remove {List(readyMade)} and have the pool make its own client.");
        }
    }

    private static string[] Given(params (string Name, object? Value)[] settings) =>
        [.. settings.Where(static setting => setting.Value is not null).Select(static setting => setting.Name)];

    private static string List(string[] names) => names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} and {names[^1]}";

    private void CheckAddress(EndpointEntry entry)
    {
        string field = entry.NameOf(EntryField.Endpoint);
        if (entry.Target is { } target)
        {
            foreach (string fault in target.Faults)
            {
                findings.Fault(entry, $"{field} {fault}");
            }

            CheckSame(entry, EntryField.Endpoint, "names another deployment than", target.Deployment, entry.DeploymentField, entry.Deployment);
            CheckSame(entry, EntryField.Endpoint, "has another api-version than", target.ApiVersion, EntryField.ApiVersion, entry.ApiVersion);
        }
        else if (!entry.IsUnreadable(EntryField.Endpoint))
        {
            findings.Fault(entry, $"{field} is missing; " + (entry.Meant(EntryField.Endpoint) ?? "give the address of the resource, like https://my-resource.openai.azure.com"
                + (entry.IsData ? "." : ", or a ready-made ChatClient or EmbeddingGenerator.")));
        }
    }

    private void CheckSame(EndpointEntry entry, EntryField first, string differs, string? one, EntryField second, string? other)
    {
        if (one is not null && other is not null && !string.Equals(one, other, StringComparison.OrdinalIgnoreCase))
        {
            findings.Fault(entry, $"{entry.NameOf(first)} {differs} {entry.NameOf(second)}; keep one of the two.");
        }
    }

    private void CheckAccess(EndpointEntry entry)
    {
        string field = entry.NameOf(EntryField.ApiKey);
        if (entry.ApiKey is { } key)
        {
            if (TextRules.Key(key) is { } fault)
            {
                findings.Fault(entry, $"{field} {fault}");
            }

            if (entry.Credential is not null)
            {
                findings.Fault(entry, "ApiKey and Credential are both given; keep one.");
            }
        }
        else if (entry.Credential is null && !hasSharedCredential && !entry.IsUnreadable(EntryField.ApiKey))
        {
            findings.Fault(entry, $"{field} is missing; {entry.Meant(EntryField.ApiKey) ?? "give the key of the resource, or set RoundRobinOptions.Credential in code."}");
        }
    }

    private void CheckApi(EndpointEntry entry)
    {
        if (ApiNames.Fault(entry.Api) is { } fault)
        {
            findings.Fault(entry, $"{entry.NameOf(EntryField.Api)} {fault}");
        }
    }

    private void CheckApiVersion(EndpointEntry entry)
    {
        if (entry.ApiVersion is not { } version)
        {
            return;
        }

        string field = entry.NameOf(EntryField.ApiVersion);
        if (entry.Kind == EndpointKind.V1)
        {
            findings.Fault(entry, $"{field} has no meaning on the v1 route; remove it" + (entry.Api == EndpointApi.Responses ? "." : ", or remove /openai/v1 from the address."));
        }

        if (TextRules.ApiVersion(version) is { } fault)
        {
            findings.Fault(entry, $"{field} {fault}");
        }
    }

    private void CheckName(EndpointEntry entry)
    {
        if (entry.Name is not { } name)
        {
            return;
        }

        string field = entry.NameOf(EntryField.Name);
        if (TextRules.Name(name) is { } fault)
        {
            findings.Fault(entry, $"{field} {fault}");
        }
    }

    private void CheckDeployments(EndpointEntry entry)
    {
        bool inPath = entry.Kind == EndpointKind.Classic;
        if (entry.Deployment is { } own && TextRules.Deployment(own, inPath) is { } fault)
        {
            findings.Fault(entry, $"{entry.NameOf(entry.DeploymentField)} {fault}");
        }

        string field = entry.NameOf(EntryField.Deployments);
        foreach ((string model, string deployment) in entry.Deployments)
        {
            if (model.Length == 0 || deployment.Length == 0)
            {
                findings.Fault(entry, $"{field} has an empty model or deployment; give both names or leave the pair out.");
            }
            else if (TextRules.Model(model) is { } wrongModel)
            {
                findings.Fault(entry, $"{field} has a model that {wrongModel}");
            }
            else if (TextRules.Deployment(deployment, inPath) is { } wrongDeployment)
            {
                findings.Fault(entry, $"{field} has a deployment that {wrongDeployment}");
            }
        }
    }

    private void CheckNumbers(EndpointEntry entry)
    {
        Check(EntryField.Weight, NumberRules.Weight(entry.Weight));
        Check(EntryField.Priority, NumberRules.Priority(entry.Priority));
        Check(EntryField.Temperature, NumberRules.Temperature(entry.Temperature));
        Check(EntryField.MaxTokens, NumberRules.AtLeastOne(entry.MaxOutputTokens));
        Check(EntryField.RequestsPerMinute, NumberRules.AtLeastOne(entry.RequestsPerMinute));
        Check(EntryField.TokensPerMinute, NumberRules.AtLeastOne(entry.TokensPerMinute));
        if (entry.TokensPerMinute < entry.RequestsPerMinute && entry.TokensPerMinute >= 1)
        {
            Check(EntryField.TokensPerMinute, $"is less than {entry.NameOf(EntryField.RequestsPerMinute)}, though each request has at least one token; correct one of them.");
        }

        void Check(EntryField field, string? fault)
        {
            if (fault is not null)
            {
                findings.Fault(entry, $"{entry.NameOf(field)} {fault}");
            }
        }
    }
}
