using AzureOpenAI.RoundRobin.Configuration.Rules;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Decides where endpoints come from: code, else connection strings that are named, else a section, else a variable. Lists are never merged.</summary>
internal sealed class EndpointSources(RoundRobinOptions options, SectionSource? section, Variables variables, Findings findings)
{
    private bool _isOffUnsaid;

    /// <summary>Whether there is a pool. Code takes precedence over the variable, and endpoints in code turn the round-robin on.</summary>
    public bool IsOn()
    {
        if (options.Enabled is { } enabled)
        {
            return enabled;
        }

        if (options.Endpoints.Count > 0 || options.ConnectionNames.Count > 0)
        {
            return true;
        }

        if (section?.Endpoints is not null)
        {
            return Switch.Read(section.Variables?[VariableNames.Switch], findings) ?? true;
        }

        bool? on = Switch.Read(variables.Find(VariableNames.Switch), findings);
        if (on is null && variables.FindConnection() is not null)
        {
            if (findings.HasFaults)
            {
                return true; // The switch is unreadable: report the faults of the endpoints too.
            }

            _isOffUnsaid = true;
            findings.Warn($"{VariableNames.Connection} is set but {VariableNames.Switch} is not, so the round-robin is off; set {VariableNames.Switch} to true to use it.");
        }

        return on ?? false;
    }

    /// <summary>For a running pool, which cannot be switched off any more, since the app uses it.</summary>
    public void WarnIfOff()
    {
        Findings judged = new();
        if (!new EndpointSources(options, section, variables, judged).IsOn() && !judged.HasFaults)
        {
            findings.Warn("The configuration now turns the round-robin off. The switch is read at the start only, so the round-robin stays on until the app restarts.");
        }

        foreach (string fault in judged.Faults)
        {
            findings.Fault(fault);
        }
    }

    /// <summary>For constructors and methods that always make a pool: code that sets the switch to off would get a pool all the same, so that is a fault.</summary>
    public void CheckNotOff()
    {
        if (options.Enabled is false)
        {
            findings.Fault($"Enabled is false, but {nameof(EndpointPool)}, {nameof(RoundRobinChatClient)} and {nameof(RoundRobinEmbeddingGenerator)} always make a pool, by their constructors and by FromEnvironment; "
                + "leave Enabled out. The switch is read by AddAzureOpenAIRoundRobin and by AzureOpenAIRoundRobin.CreateFromEnvironment: use one of them to have it off.");
        }
    }

    public IReadOnlyList<EndpointEntry> ReadPool()
    {
        if (options.Endpoints.Count > 0)
        {
            return ReadCode();
        }

        if (options.ConnectionNames.Count > 0)
        {
            return ReadConnectionStrings();
        }

        ConnectionSource? source = section?.Endpoints;
        if (source is null && (source = variables.FindConnection()) is not null && section is not null)
        {
            findings.Explain($"{section.Origin} has no endpoints; {VariableNames.Connection} is used.");
        }

        if (source is null)
        {
            findings.Fault(!variables.AreRead
                ? "There are no endpoints; add them to RoundRobinOptions.Endpoints."
                : $"There are no endpoints; set {VariableNames.Connection} to a JSON array of them, or add them to RoundRobinOptions.Endpoints." + SectionIsEmpty(inCode: 0));
            return [];
        }

        return Read(source);
    }

    public IReadOnlyList<EndpointEntry> ReadSingle()
    {
        int inCode = options.Endpoints.Count;
        if (inCode == 1)
        {
            return ReadCode();
        }

        if (inCode == 0 && options.ConnectionNames.Count == 1)
        {
            return ReadConnectionStrings();
        }

        ConnectionSource? source = inCode == 0 ? section?.Endpoints : null;
        if (source?.Load(new Findings()) is { } root && ConnectionReader.CountOf(root) == 1)
        {
            return Read(source);
        }

        if (variables.Find(VariableNames.Endpoint) is not { } address)
        {
            if (findings.HasFaults)
            {
                return []; // The switch is unreadable, so it is not known whether one is needed.
            }

            string more = source is not null ? $" {source.Origin} does not hold exactly one." : SectionIsEmpty(inCode);
            findings.Fault((_isOffUnsaid ? $"{VariableNames.Connection} is set but {VariableNames.Switch} is not. " : "")
                + $"The round-robin is off, which takes exactly one endpoint, but {(inCode == 0 ? "none is given" : $"{inCode} are given in code")}; "
                + $"set {VariableNames.Endpoint} and {VariableNames.ApiKey}, give one endpoint in code, or set {VariableNames.Switch} to true." + more);
            return [];
        }

        if (inCode > 1)
        {
            findings.Explain($"The round-robin is off and {inCode} endpoints are given in code; {VariableNames.Endpoint} is used instead of them.");
        }

        List<KeyValuePair<string, DataNode>> members = [KeyValuePair.Create(VariableNames.Endpoint, DataNode.OfText(address))];
        if (variables.Find(VariableNames.ApiKey) is { } key)
        {
            members.Add(KeyValuePair.Create(VariableNames.ApiKey, DataNode.OfText(key)));
        }

        return new ConnectionReader(VariableNames.Endpoint, findings).Read(DataNode.OfArray([DataNode.OfObject(members)]));
    }

    /// <summary>A hint that the section's path may be misspelt.</summary>
    private string SectionIsEmpty(int inCode) =>
        inCode == 0 && section is { Endpoints: null } ? $" {section.Origin} is absent or has no endpoints; check its path." : "";

    private IReadOnlyList<EndpointEntry> Read(ConnectionSource source) =>
        source.Load(findings) is { } root ? new ConnectionReader(source.Origin, findings).Read(root) : [];

    private IReadOnlyList<EndpointEntry> ReadConnectionStrings()
    {
        if (section?.Endpoints is not null)
        {
            findings.Explain($"{section.Origin} has {nameof(options.ConnectionNames)} and endpoints; {nameof(options.ConnectionNames)} is used.");
        }

        List<(string? Name, DataNode Node)> items = [];
        foreach (string? given in options.ConnectionNames)
        {
            if (TextRules.Clean(given) is not { } name)
            {
                findings.Fault($"{nameof(options.ConnectionNames)} has an empty name; give that of a connection string.");
            }
            else if (variables.FindConnectionString(name) is { } text and not ['[' or '{', ..])
            {
                items.Add((name, ConnectionString.Parse(text)));
            }
            else
            {
                findings.Fault($"{(TextRules.CanQuote(name) ? $"ConnectionStrings:{name}" : $"A connection string in {nameof(options.ConnectionNames)}")} is missing or is JSON; "
                    + (variables.AreRead ? "set it to Endpoint=...;Key=...;Deployment=..., where without a key the credential is used."
                        : $"the constructors read no configuration, so use {nameof(options.Endpoints)} there."));
            }
        }

        return new ConnectionReader(nameof(options.ConnectionNames), findings).Read(items);
    }

    private List<EndpointEntry> ReadCode()
    {
        if (options.ConnectionNames.Count > 0)
        {
            findings.Warn($"{nameof(options.ConnectionNames)} is not used, since endpoints are given in code.");
        }

        List<EndpointEntry> entries = [];
        if (options.Endpoints.Count > ConnectionReader.MostEndpoints)
        {
            findings.Fault($"RoundRobinOptions.Endpoints has {options.Endpoints.Count} endpoints; give at most {ConnectionReader.MostEndpoints}.");
            return entries;
        }

        for (int i = 0; i < options.Endpoints.Count; i++)
        {
            if (options.Endpoints[i] is { } endpoint)
            {
                entries.Add(EndpointEntry.FromCode(endpoint, i + 1));
            }
            else
            {
                findings.Fault($"Endpoint {i + 1}: null stands where an EndpointOptions is expected.");
            }
        }

        return entries;
    }
}
