using System.Text.RegularExpressions;

namespace AzureOpenAI.RoundRobin.Configuration.Sources;

/// <summary>Reads an endpoint in the form in which Aspire hands it out: <c>Endpoint=...;Key=...;Deployment=...</c>, or its address alone.</summary>
internal static partial class ConnectionString
{
    /// <summary>Whether a text is meant to be one. JSON never begins so.</summary>
    public static bool IsOne(string text) => Beginning().IsMatch(text);

    /// <returns>The endpoint; what has no value is left out.</returns>
    public static DataNode Parse(string text)
    {
        if (!text.Contains('=', StringComparison.Ordinal) || Address().IsMatch(text))
        {
            return DataNode.OfObject([KeyValuePair.Create(nameof(EndpointOptions.Endpoint), DataNode.OfText(text))]);
        }

        List<KeyValuePair<string, DataNode>> members = [];
        foreach (string part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
            if (pair is [var name, { Length: > 0 } value] && NameOf(name) is { } known)
            {
                members.Add(KeyValuePair.Create(known, DataNode.OfText(value)));
            }
            else if (pair.Length == 1)
            {
                members.Add(KeyValuePair.Create(part, DataNode.Null));
            }
        }

        // Aspire names the model beside the deployment, which is called.
        if (members.Exists(static member => member.Key == nameof(EndpointOptions.DeploymentName)))
        {
            members.RemoveAll(static member => member.Key == EntryField.Model.InData());
        }

        return DataNode.OfObject(members);
    }

    /// <returns>The setting's own name, the same name where it is none, or null where it says nothing to this library.</returns>
    private static string? NameOf(string name) => name.ToUpperInvariant() switch
    {
        "ENDPOINT" => nameof(EndpointOptions.Endpoint),
        "KEY" or "APIKEY" or "ACCESSKEY" => nameof(EndpointOptions.ApiKey),
        "DEPLOYMENT" or "DEPLOYMENTNAME" or "DEPLOYMENTID" => nameof(EndpointOptions.DeploymentName),
        "MODEL" or "MODELNAME" => EntryField.Model.InData(),
        "ENDPOINTAIINFERENCE" or "MODELVERSION" or "FORMAT" => null,
        _ => name,
    };

    [GeneratedRegex(@"^\s*(Endpoint|Key|ApiKey|AccessKey|Deployment|DeploymentName|DeploymentId|Model)\s*=\s*[^\s=]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Beginning();

    [GeneratedRegex(@"^\s*https?://[^;]*$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Address();
}
