using System.Net;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>The rules for addresses, and the kind and name of an endpoint by its address. No message quotes an address, since it can contain a key.</summary>
internal static class AddressRules
{
    public const string NotAbsolute = "is not an absolute address; write it like https://my-resource.openai.azure.com.";

    private const string V1 = "/openai/v1";
    private const string Classic = "/openai";
    private const string Deployments = "/openai/deployments";

    /// <returns>The faults, as texts that follow the name of the setting.</returns>
    public static IEnumerable<string> Check(Uri address)
    {
        if (!address.IsAbsoluteUri)
        {
            return [NotAbsolute];
        }

        if (address.Scheme != Uri.UriSchemeHttps && address.Scheme != Uri.UriSchemeHttp)
        {
            return ["does not begin with https://; write it like https://my-resource.openai.azure.com."];
        }

        return CheckWeb(address);
    }

    /// <summary>The one form in which equal addresses are equal: no user information, query or fragment, one slash at the end.</summary>
    public static Uri Normalize(Uri address) =>
        new(address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/') + "/");

    public static EndpointKind Kind(Uri address) =>
        address.IsAbsoluteUri && Path(address).EndsWith(V1, StringComparison.OrdinalIgnoreCase) ? EndpointKind.V1 : EndpointKind.Classic;

    /// <summary>The first label of the host; host and port for an IP address or this machine.</summary>
    public static string DefaultName(Uri address) =>
        address.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 || IsLocalhost(address)
            ? $"{address.Host}-{address.Port}"
            : address.IdnHost.Split('.')[0];

    private static IEnumerable<string> CheckWeb(Uri address)
    {
        if (address.Scheme == Uri.UriSchemeHttp && !IsLoopback(address))
        {
            yield return "is http to another machine, where a key would travel in clear text; use https.";
        }

        if (address.UserInfo.Length > 0)
        {
            yield return "contains user information; remove the part before the @.";
        }

        if (address.Query.Length > 0)
        {
            yield return "has a query; remove everything from the question mark on (an api-version has a setting of its own).";
        }

        if (address.Fragment.Length > 0)
        {
            yield return "has a fragment; remove everything from the # on.";
        }

        string path = Path(address);
        if (Contains(path, Deployments))
        {
            yield return "goes on past the resource; end it before /openai/deployments (the deployment has a setting of its own).";
        }
        else if (path.EndsWith(Classic, StringComparison.OrdinalIgnoreCase))
        {
            yield return "ends in /openai; leave that off for the classic route, or end in /openai/v1 for the v1 route.";
        }
        else if (Contains(path, V1) && !path.EndsWith(V1, StringComparison.OrdinalIgnoreCase))
        {
            yield return "goes on past /openai/v1; end it there.";
        }
    }

    private static string Path(Uri address) => address.AbsolutePath.TrimEnd('/');

    private static bool Contains(string path, string segments) =>
        (path + "/").Contains(segments + "/", StringComparison.OrdinalIgnoreCase);

    private static bool IsLocalhost(Uri address) => string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase);

    private static bool IsLoopback(Uri address) =>
        IsLocalhost(address) || (IPAddress.TryParse(address.DnsSafeHost, out IPAddress? ip) && IPAddress.IsLoopback(ip));
}
