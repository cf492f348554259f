using System.ClientModel.Primitives;
using Azure.Core;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>Puts a credential's token on each request of a v1 client. The SDK's own policy would ask the credential for each request.</summary>
internal sealed class TokenPolicy(TokenCredential tokens, string scope) : AuthenticationPolicy
{
    private readonly TokenCredential _tokens = tokens;
    private readonly TokenRequestContext _context = new([scope]);

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Authorize(message, _tokens.GetToken(_context, message.CancellationToken));
        ProcessNext(message, pipeline, currentIndex);
    }

    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Authorize(message, await _tokens.GetTokenAsync(_context, message.CancellationToken).ConfigureAwait(false));
        await ProcessNextAsync(message, pipeline, currentIndex).ConfigureAwait(false);
    }

    private static void Authorize(PipelineMessage message, AccessToken token) => message.Request.Headers.Set("Authorization", $"Bearer {token.Token}");
}
