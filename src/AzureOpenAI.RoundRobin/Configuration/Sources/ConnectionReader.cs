using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads connection data: from nodes, whether of JSON or of a section, to endpoints.</summary>
internal sealed class ConnectionReader(string origin, Findings findings)
{
    public const int MostEndpoints = 4096;

    // From each unknown name to the endpoints that have it.
    private readonly OrderedDictionary<string, List<EndpointEntry>> _unknown = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How many endpoints there are, those at fault too.</summary>
    public static int CountOf(DataNode root) => ItemsOf(root)?.Count ?? 0;

    public IReadOnlyList<EndpointEntry> Read(DataNode root)
    {
        if (ItemsOf(root) is not { } items)
        {
            findings.Fault(root.Kind switch
            {
                DataKind.Object => $"{origin} is an object; write an array of objects, with [ ] around it.",
                DataKind.Text when root.Text.Contains('"', StringComparison.Ordinal) => $"{origin} is text, not an array; remove the quotes around the JSON array and the backslashes in it.",
                DataKind.Text => $"{origin} is text, not an array; remove the quotes around the JSON array.",
                _ => $"{origin} is {root.Describe()}; write a JSON array of objects.",
            });
            return [];
        }

        if (items.Count == 0)
        {
            findings.Fault($"{origin} is an empty array; give at least one endpoint in it.");
        }

        return Read(items, mayDrop: root.IsSection && !items.All(static item => IsLoneKey(item.Node)));
    }

    /// <param name="items">The endpoints with their names.</param>
    /// <param name="mayDrop">Whether one that has nothing but a key is no fault.</param>
    public IReadOnlyList<EndpointEntry> Read(IReadOnlyList<(string? Name, DataNode Node)> items, bool mayDrop = false)
    {
        if (items.Count > MostEndpoints)
        {
            findings.Fault($"{origin} has {items.Count} endpoints; give at most {MostEndpoints}.");
            return [];
        }

        List<EndpointEntry> entries = new(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Node.Members is not { } members)
            {
                findings.Fault($"Endpoint {i + 1}: {items[i].Node.Describe()} stands where an object with {VariableNames.Endpoint} is expected.");
                continue;
            }

            EndpointEntry entry = ReadEntry(i + 1, items[i].Name, members);
            if (mayDrop && IsLoneKey(items[i].Node))
            {
                Drop(entry);
            }
            else
            {
                entries.Add(entry);
            }
        }

        WarnUnknown();
        return entries;
    }

    /// <returns>The endpoints with the names under which they stand, or null where there are none.</returns>
    private static IReadOnlyList<(string? Name, DataNode Node)>? ItemsOf(DataNode root) =>
        root.Items is { } items ? [.. items.Select(static item => ((string?)null, item))]
        : root.Members is { Count: > 0 } members && members.All(static member => member.Value.Members is not null && EntryFieldNames.Find(member.Key) is null)
            ? [.. members.Select(static member => ((string?)member.Key, member.Value))]
        : null;

    /// <summary>What is left of an endpoint where another provider has its secret and no provider the rest.</summary>
    private static bool IsLoneKey(DataNode node) => node is { Members: [{ Value.Kind: DataKind.Text } only] } && EntryFieldNames.Find(only.Key) == EntryField.ApiKey;

    private void Drop(EndpointEntry entry)
    {
        findings.Protect(entry.ApiKey);
        findings.Warn($"{Findings.Label(entry)} has nothing but a key and is left out: " + (entry.Name is null
            ? "a secret under a place in a list stays at that place when the list changes. Put a name where the place is, and each secret stays with its endpoint."
            : "its address is missing, or its secret is under another name than its other settings."));
    }

    private EndpointEntry ReadEntry(int place, string? name, IReadOnlyList<KeyValuePair<string, DataNode>> members)
    {
        EndpointEntry entry = new(place, isData: true);
        HashSet<EntryField> seen = [];
        string? model = null;
        string? deployment = null;
        List<(EntryField Field, string Message)> faults = [];
        foreach ((string member, DataNode value) in members)
        {
            if (EntryFieldNames.Find(member) is not { } field)
            {
                AddUnknown(member, entry);
                continue;
            }

            entry.MarkWritten(field, member);

            if (!seen.Add(field))
            {
                faults.Add((field, entry.HasBothNamesOf(field) ? $"is given twice, as {field.InData()} too; keep one." : "is given twice; keep one."));
                // Either value could be the key, so both are kept out of the messages.
                findings.Protect(field == EntryField.ApiKey ? TextRules.Clean(value.Text) : null);
                continue;
            }

            string? fault = null;
            switch (field)
            {
                case EntryField.Endpoint:
                    entry.Address = Address(value, out fault);
                    break;
                case EntryField.ApiKey:
                    entry.ApiKey = Text(value, out fault);
                    break;
                case EntryField.Name:
                    entry.Name = Text(value, out fault);
                    break;
                case EntryField.Model:
                    model = Text(value, out fault);
                    break;
                case EntryField.Deployment:
                    deployment = Text(value, out fault);
                    break;
                case EntryField.Api:
                    entry.Api = Text(value, out fault) is { } api ? ApiNames.Read(api, out fault) : null;
                    break;
                case EntryField.ApiVersion:
                    entry.ApiVersion = Text(value, out fault);
                    break;
                case EntryField.Temperature:
                    entry.Temperature = Fraction(value, out fault);
                    break;
                case EntryField.MaxTokens:
                    entry.MaxOutputTokens = Whole(value, out fault);
                    break;
                case EntryField.Weight:
                    entry.Weight = Whole(value, out fault) ?? entry.Weight;
                    break;
                case EntryField.Priority:
                    entry.Priority = Whole(value, out fault) ?? entry.Priority;
                    break;
                case EntryField.RequestsPerMinute:
                    entry.RequestsPerMinute = Whole(value, out fault);
                    break;
                case EntryField.TokensPerMinute:
                    entry.TokensPerMinute = Whole(value, out fault);
                    break;
                case EntryField.Deployments:
                    ReadDeployments(entry, value, faults, out fault);
                    break;
            }

            if (fault is not null)
            {
                faults.Add((field, fault));
            }
        }

        entry.Name ??= TextRules.Clean(name);
        entry.Deployment = deployment ?? model;
        entry.DeploymentField = deployment is null ? EntryField.Model : EntryField.Deployment;
        // Added last, when the entry's name is known.
        foreach ((EntryField field, string message) in faults)
        {
            entry.MarkUnreadable(field);
            findings.Fault(entry, $"{entry.NameOf(field)} {message}");
        }

        if (model is not null && deployment is not null && model != deployment)
        {
            findings.Fault(entry, $"{EntryField.Model.InData()} and {entry.NameOf(EntryField.Deployment)} differ; both mean the deployment, keep one.");
        }

        return entry;
    }

    private static void ReadDeployments(
        EndpointEntry entry, DataNode value, List<(EntryField Field, string Message)> faults, out string? fault)
    {
        fault = null;
        if (value.Members is not { } members)
        {
            fault = $"is {value.Describe()}; write an object of models and their deployments.";
            return;
        }

        for (int i = 0; i < members.Count; i++)
        {
            string? deployment = Text(members[i].Value, out string? wrong);
            if (deployment is null)
            {
                faults.Add((EntryField.Deployments, $"has a wrong value at place {i + 1}, which {wrong}"));
            }
            else if (!entry.Deployments.TryAdd(members[i].Key.Trim(), deployment))
            {
                faults.Add((EntryField.Deployments, $"names the same model twice, at place {i + 1}; keep one."));
            }
        }
    }

    private static string? Text(DataNode value, out string? fault)
    {
        string? text = value.Kind == DataKind.Text ? TextRules.Clean(value.Text) : null;
        fault = text is not null ? null
            : value.Kind == DataKind.Text ? "is empty; give a value or leave it out."
            : value.Kind == DataKind.Null ? "is null; give a value or leave it out."
            : $"is {value.Describe()}; write text in quotes.";
        return text;
    }

    private static Uri? Address(DataNode value, out string? fault)
    {
        if (Text(value, out fault) is not { } text)
        {
            return null;
        }

        if (!Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out Uri? address))
        {
            fault = AddressRules.NotAbsolute(text);
        }

        return address;
    }

    private static int? Whole(DataNode value, out string? fault)
    {
        if (Number(value, "a whole number", out fault) is not { } digits)
        {
            return null;
        }

        return TextValues.Whole(digits, out fault);
    }

    private static float? Fraction(DataNode value, out string? fault)
    {
        if (Number(value, "a number", out fault) is not { } digits)
        {
            return null;
        }

        return TextValues.Fraction(digits, out fault);
    }

    private static string? Number(DataNode value, string expected, out string? fault)
    {
        if (value.Kind == DataKind.Number)
        {
            fault = null;
            return value.Text;
        }

        string? text = Text(value, out fault);
        if (value.Kind is DataKind.Boolean or DataKind.Array or DataKind.Object)
        {
            fault = $"is {value.Describe()}; write {expected}.";
        }

        return text;
    }

    private void AddUnknown(string name, EndpointEntry entry)
    {
        if (TextRules.CanQuote(name) && MisspeltNames.Field(name) is { } field)
        {
            entry.MarkMeant(field, name);
        }

        if (!_unknown.TryGetValue(name, out List<EndpointEntry>? places))
        {
            _unknown.Add(name, places = []);
        }

        places.Add(entry);
    }

    private void WarnUnknown()
    {
        foreach ((string name, List<EndpointEntry> places) in _unknown)
        {
            string shown = TextRules.CanQuote(name) ? $"the name '{name}'" : $"a name of {name.Length} characters, not shown since it could be a key,";
            string what = EntryFieldNames.OnlyInCode.Contains(name, StringComparer.OrdinalIgnoreCase) ? "can be given in code only, and is ignored."
                : TextRules.CanQuote(name) && MisspeltNames.Field(name) is { } field ? $"is unknown and ignored; did you mean {places[0].NameOf(field)}?"
                : "is unknown and ignored.";
            findings.Warn($"Endpoint {string.Join(", ", places.Select(static entry => entry.Place).Distinct())}: {shown} {what}");
        }
    }
}
