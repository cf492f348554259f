namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>What an address says about its endpoint. The Target URI that the portals show says more than where it is.</summary>
internal sealed class TargetAddress
{
    private TargetAddress(Uri address, IReadOnlyList<string> faults) => (Address, Faults) = (address, faults);

    /// <summary>Where requests go, in the one form in which equal addresses are equal: no user information, query or fragment, one slash at the end.</summary>
    public Uri Address { get; }

    public EndpointKind Kind { get; private init; } = EndpointKind.Classic;

    /// <summary>Null where it names none.</summary>
    public string? Deployment { get; private init; }

    /// <summary>What it calls of <see cref="Deployment"/>; null where it says nothing of that.</summary>
    public string? Operation { get; private init; }

    /// <summary>Null where it names none.</summary>
    public string? ApiVersion { get; private init; }

    /// <summary>What is wrong, in words that follow the name of the setting.</summary>
    public IReadOnlyList<string> Faults { get; }

    /// <param name="address">What the user wrote.</param>
    /// <param name="api">The API that is spoken there. That of a resource alone is completed to what the API needs.</param>
    public static TargetAddress Read(Uri address, EndpointApi api = EndpointApi.Chat)
    {
        List<string> faults = [.. AddressRules.Check(address)];
        if (!AddressRules.IsWeb(address))
        {
            return new(address, faults);
        }

        AzureHost host = AzureHosts.Find(address);
        AddressPath path = AddressPath.Read(address, host, api);
        AddressQuery query = AddressQuery.Read(address.Query);
        if (query.Fault is { } wrongQuery)
        {
            faults.Add(wrongQuery);
        }

        if (path.Fault is { } wrongPath)
        {
            faults.Add(wrongPath);
        }
        else if (path.Kind == EndpointKind.V1 && query is { ApiVersion: not null, Fault: null })
        {
            faults.Add("has an api-version, which has no meaning on the v1 route; " + path.Right("end it in /openai/v1.", path: "/openai/v1"));
        }

        return new(new Uri(address.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped) + path.Value.TrimEnd('/') + "/"), faults)
        {
            Kind = path.Kind,
            Deployment = path.Deployment,
            Operation = path.Operation,
            ApiVersion = query.ApiVersion,
        };
    }
}
