using System.ClientModel.Primitives;
using Azure.Core;

namespace AzureOpenAI.RoundRobin.Transport;

/// <summary>
/// Puts a credential's token on each request: the SDK's own way on the v1 route asks for a new one each time, and the one on the classic route keeps a token that
/// the service refuses. A token that is refused is renewed once, before the endpoint gets the blame.
/// </summary>
internal sealed class TokenPolicy(TokenCache tokens, string scope) : AuthenticationPolicy
{
    private readonly TokenCache _tokens = tokens;
    private readonly TokenRequestContext _context = new([scope]);

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        AccessToken token = _tokens.GetToken(_context, message.CancellationToken);
        bool buffers = message.BufferResponse;
        Authorize(message, token);
        ProcessNext(message, pipeline, currentIndex);
        if (IsRefused(message, token) && _tokens.GetToken(_context, message.CancellationToken) is var renewed && renewed.Token != token.Token)
        {
            Renew(message, renewed, buffers);
            ProcessNext(message, pipeline, currentIndex);
        }
    }

    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        AccessToken token = await _tokens.GetTokenAsync(_context, message.CancellationToken).ConfigureAwait(false);
        bool buffers = message.BufferResponse;
        Authorize(message, token);
        await ProcessNextAsync(message, pipeline, currentIndex).ConfigureAwait(false);
        if (IsRefused(message, token))
        {
            AccessToken renewed = await _tokens.GetTokenAsync(_context, message.CancellationToken).ConfigureAwait(false);
            if (renewed.Token != token.Token)
            {
                Renew(message, renewed, buffers);
                await ProcessNextAsync(message, pipeline, currentIndex).ConfigureAwait(false);
            }
        }
    }

    private static void Authorize(PipelineMessage message, AccessToken token) => message.Request.Headers.Set("Authorization", $"Bearer {token.Token}");

    /// <summary>The answer that refused the token is gone, and an error that was read whole makes no whole answer of a stream.</summary>
    private static void Renew(PipelineMessage message, AccessToken token, bool buffers)
    {
        message.ExtractResponse()?.Dispose();
        message.BufferResponse = buffers;
        Authorize(message, token);
    }

    private bool IsRefused(PipelineMessage message, AccessToken token) =>
        message.Response is { Status: 401 } response
        && _tokens.TryDrop(token.Token, response.Headers.TryGetValue("WWW-Authenticate", out string? challenge) ? ClaimsChallenge.Of(challenge!) : null);
}
