using System.Globalization;
using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads connection data: from nodes, whether of JSON or of a section, to endpoints.</summary>
internal sealed class ConnectionReader(string origin, Findings findings)
{
    public const int MostEndpoints = 4096;

    // From each unknown name to the positions of the endpoints that have it.
    private readonly OrderedDictionary<string, List<int>> _unknown = new(StringComparer.OrdinalIgnoreCase);

    public IReadOnlyList<EndpointEntry> Read(DataNode root)
    {
        if (root.Items is not { } items)
        {
            findings.Fault(root.Kind switch
            {
                DataKind.Object => $"{origin} is an object; write an array of objects, with [ ] around it.",
                DataKind.Text => $"{origin} is text, not an array; remove the quotes around the JSON array.",
                _ => $"{origin} is {root.Describe()}; write a JSON array of objects.",
            });
            return [];
        }

        if (items.Count == 0)
        {
            findings.Fault($"{origin} is an empty array; give at least one endpoint in it.");
        }

        if (items.Count > MostEndpoints)
        {
            findings.Fault($"{origin} has {items.Count} endpoints; give at most {MostEndpoints}.");
            return [];
        }

        List<EndpointEntry> entries = new(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Members is { } members)
            {
                entries.Add(ReadEntry(i + 1, members));
            }
            else
            {
                findings.Fault($"Endpoint {i + 1}: {items[i].Describe()} stands where an object with {VariableNames.Endpoint} is expected.");
            }
        }

        WarnUnknown();
        return entries;
    }

    private EndpointEntry ReadEntry(int place, IReadOnlyList<KeyValuePair<string, DataNode>> members)
    {
        EndpointEntry entry = new(place, isData: true);
        HashSet<EntryField> seen = [];
        string? model = null;
        string? deployment = null;
        List<(EntryField Field, string Message)> faults = [];
        foreach ((string name, DataNode value) in members)
        {
            if (EntryFieldNames.Find(name) is not { } field)
            {
                AddUnknown(name, place);
                continue;
            }

            if (!seen.Add(field))
            {
                faults.Add((field, "is given twice; keep one."));
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

        entry.Deployment = deployment ?? model;
        entry.DeploymentField = deployment is null ? EntryField.Model : EntryField.Deployment;
        // Added last, when the entry's name is known.
        foreach ((EntryField field, string message) in faults)
        {
            entry.MarkUnreadable(field);
            findings.Fault(entry, $"{field.InData()} {message}");
        }

        if (model is not null && deployment is not null && model != deployment)
        {
            findings.Fault(entry, $"{EntryField.Model.InData()} and {EntryField.Deployment.InData()} differ; both mean the deployment, keep one.");
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
            fault = AddressRules.NotAbsolute;
        }

        return address;
    }

    private static int? Whole(DataNode value, out string? fault)
    {
        if (Number(value, "a whole number", out fault) is not { } digits)
        {
            return null;
        }

        if (int.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
        {
            return number;
        }

        fault = "is not a whole number; write digits only.";
        return null;
    }

    private static float? Fraction(DataNode value, out string? fault)
    {
        if (Number(value, "a number", out fault) is not { } digits)
        {
            return null;
        }

        if (float.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out float number))
        {
            return number;
        }

        fault = "is not a number; write it like 0.7.";
        return null;
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

    private void AddUnknown(string name, int place)
    {
        if (!_unknown.TryGetValue(name, out List<int>? places))
        {
            _unknown.Add(name, places = []);
        }

        places.Add(place);
    }

    private void WarnUnknown()
    {
        foreach ((string name, List<int> places) in _unknown)
        {
            string shown = TextRules.CanQuote(name) ? $"the name '{name}'" : $"a name of {name.Length} characters, not shown since it could be a key,";
            findings.Warn($"Endpoint {string.Join(", ", places.Distinct())}: {shown} is unknown and ignored.");
        }
    }
}
