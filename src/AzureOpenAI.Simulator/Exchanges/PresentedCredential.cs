using Microsoft.AspNetCore.Http;

namespace AzureOpenAI.Simulator;

/// <summary>Whose key a request presents, and the body that refuses it if it is not good here.</summary>
internal readonly record struct PresentedCredential(string Owner, string? Refusal)
{
    public const string None = "none";
    public const string Unknown = "unknown";
    public const string Token = "token";

    private const string Bearer = "Bearer ";

    public static PresentedCredential Read(HttpRequest request, RouteKind route, SimulatedResource resource, IReadOnlyList<SimulatedResource> all)
    {
        string? key = request.Headers["api-key"];
        if (key is not null)
        {
            string owner = OwnerOf(key, resource, all);
            return new(owner, resource.HasKey(key) ? null : ErrorBodies.WrongKey);
        }

        string? authorization = request.Headers.Authorization;
        if (authorization?.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) != true)
        {
            return new(None, ErrorBodies.WrongToken);
        }

        string secret = authorization[Bearer.Length..];
        if (resource.AcceptsToken(secret))
        {
            return new(Token, null);
        }

        bool accepted = route == RouteKind.V1 && resource.HasKey(secret);
        return new(OwnerOf(secret, resource, all), accepted ? null : ErrorBodies.WrongToken);
    }

    private static string OwnerOf(string key, SimulatedResource resource, IReadOnlyList<SimulatedResource> all)
    {
        if (resource.HasKey(key))
        {
            return resource.Name;
        }

        foreach (var other in all)
        {
            if (other.HasKey(key))
            {
                return other.Name;
            }
        }

        return Unknown;
    }
}
