using System.ClientModel;
using System.ClientModel.Primitives;
using Azure.Core;

namespace AzureOpenAI.RoundRobin.Endpoints;

/// <summary>Lets a credential of Azure.Core speak to the v1 client, which belongs to System.ClientModel.</summary>
internal sealed class CredentialTokenProvider(TokenCredential credential) : AuthenticationTokenProvider
{
    private readonly TokenCredential _credential = credential;

    public override GetTokenOptions? CreateTokenOptions(IReadOnlyDictionary<string, object> properties) => new(properties);

    public override AuthenticationToken GetToken(GetTokenOptions options, CancellationToken cancellationToken) =>
        Convert(_credential.GetToken(Context(options), cancellationToken));

    public override async ValueTask<AuthenticationToken> GetTokenAsync(GetTokenOptions options, CancellationToken cancellationToken) =>
        Convert(await _credential.GetTokenAsync(Context(options), cancellationToken).ConfigureAwait(false));

    private static TokenRequestContext Context(GetTokenOptions options) =>
        new(options.Properties.TryGetValue(GetTokenOptions.ScopesPropertyName, out object? scopes) ? Scopes(scopes) : []);

    private static string[] Scopes(object scopes) => scopes switch
    {
        string[] several => several,
        ReadOnlyMemory<string> several => several.ToArray(),
        _ => [],
    };

    private static AuthenticationToken Convert(AccessToken token) => new(token.Token, "Bearer", token.ExpiresOn, token.RefreshOn);
}
