using System.Net;

namespace AzureOpenAI.RoundRobin.Configuration.Rules;

/// <summary>What every address must be, whatever is behind it. No message quotes an address: it can hold a key.</summary>
internal static class AddressRules
{
    /// <returns>Why a text is no absolute address.</returns>
    public static string NotAbsolute(string text) => Placeholders.FindInAddress(text) ?? "is not an absolute address; write it like https://my-resource.openai.azure.com.";

    public static bool IsWeb(Uri address) => address.IsAbsoluteUri && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp);

    /// <returns>What is wrong, in words that follow the name of the setting. Path and query are judged by <see cref="TargetAddress"/>.</returns>
    public static IEnumerable<string> Check(Uri address)
    {
        if (!address.IsAbsoluteUri)
        {
            yield return NotAbsolute(address.OriginalString);
            yield break;
        }

        if (!IsWeb(address))
        {
            yield return "does not begin with https://; write it like https://my-resource.openai.azure.com.";
            yield break;
        }

        if (!HasName(address))
        {
            yield return "has characters in its host that no host name can have; write it like https://my-resource.openai.azure.com.";
            yield break;
        }

        if (Placeholders.FindInHost(HostOf(address), isAzures: AzureHosts.Find(address) == AzureHost.Resource) is { } placeholder)
        {
            yield return placeholder;
        }

        if (address.Scheme == Uri.UriSchemeHttp && !IsLoopback(address))
        {
            yield return "is http to another machine, where a key would travel in clear text; use https.";
        }

        if (address.UserInfo.Length > 0)
        {
            yield return "contains user information; remove the part before the @.";
        }

        if (address.Fragment.Length > 1)
        {
            yield return "has a fragment; remove everything from the # on.";
        }
    }

    /// <summary>The first label of the host; host and port where the host is an IP address or this machine, which say nothing alone.</summary>
    public static string DefaultName(Uri address) =>
        address.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6 || IsLocalhost(address)
            ? $"{address.Host}-{address.Port}"
            : HostOf(address).Split('.')[0];

    /// <summary>The host as DNS knows it; as it was given where it is no name.</summary>
    public static string HostOf(Uri address)
    {
        try
        {
            return address.IdnHost;
        }
        catch (UriFormatException)
        {
            // Uri takes characters of which IDN has no form.
            return address.Host;
        }
    }

    private static bool HasName(Uri address)
    {
        try
        {
            return address.IdnHost.Length > 0;
        }
        catch (UriFormatException)
        {
            return false;
        }
    }

    private static bool IsLocalhost(Uri address) => string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase);

    private static bool IsLoopback(Uri address) =>
        IsLocalhost(address) || (IPAddress.TryParse(address.Host.Trim('[', ']'), out IPAddress? ip) && IPAddress.IsLoopback(ip));
}
